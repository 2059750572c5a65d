"""habitat-sim behind the Simulator protocol: Replica, ReplicaCAD, HM3D, Matterport3D, Gibson, own meshes."""
