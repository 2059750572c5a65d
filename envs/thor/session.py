"""A running AI2-THOR, which is restarted if it crashes or hangs."""

from __future__ import annotations

from typing import Any, Protocol

from ...core.frame import Camera
from ..perturbations import Perturbation
from .thor_conventions import pose_of, start_of, to_thor
from .thor_errors import ThorError
from .thor_places import drawing_options
from .watchdog import Watch

RESTARTS = 5
"""Crashes and hangs after which a session gives up."""
SECONDS = 60.0
"""Without an answer for this long, AI2-THOR counts as hung."""
SeededChanges = tuple[tuple[Perturbation, ...], int]
"""Changes, and the seed that they follow from."""


class Event(Protocol):
    """The Controller's result of an action."""

    metadata: dict[str, Any]


class ThorSession:
    """Drives the unmodified Controller in one house or scene.

    Raises ThorError if AI2-THOR cannot be started or cannot create the house.
    """

    def __init__(
        self, scene: str | dict[str, Any], camera: Camera, options: dict[str, Any] | None = None,
        restarts: int = RESTARTS,
    ) -> None:  # fmt: skip
        """scene: what `Controller.reset` takes. options: options of the Controller that override those chosen for the
        machine: `local_executable_path`, `server_class`, `platform`, `server_timeout` ..."""
        self.scene, self.camera, self.limit = scene, camera, restarts
        self.restarts = 0
        """Number of restarts of AI2-THOR."""
        options = dict(options or {})
        if not {"local_executable_path", "platform", "x_display", "start_unity"} & options.keys():
            options |= drawing_options()
        if "local_executable_path" in options:
            options.setdefault("x_display", ":0")  # otherwise ai2thor 5.0.0 puts None into the environment
        self._options = {"server_timeout": SECONDS, **options}
        self._controller: Any = None
        self._changes: list[tuple[str, dict[str, Any]]] = []
        self.state: tuple[SeededChanges, ...] = ()
        """The changes since the house was created (see `thor_changes.enter`)."""
        self.event: Event = self._start()

    def act(self, action: str, **arguments: Any) -> Event:
        """Do one action and return its event; metadata["lastActionSuccess"] of the event says whether it succeeded.

        If AI2-THOR dies or does not answer, it is restarted in the same house with the agent at its last pose, and the
        action is repeated. ThorError after `restarts` of these, or for an unknown action.
        """
        while True:
            pose = pose_of(self.event.metadata)
            try:
                self.event = self._controller.step(action=action, **arguments)
                return self.event
            except ValueError as error:  # its answer to a wrong argument
                raise ThorError(f"AI2-THOR refuses {action}: {error}") from None
            except Exception as error:
                self._again(f"{type(error).__name__}: {error}", pose)

    def change(self, action: str, **arguments: Any) -> None:
        """An action that changes the house; it is repeated after a restart. ThorError if it fails."""
        event = self.act(action, **arguments)
        if not event.metadata["lastActionSuccess"]:
            raise ThorError(f"AI2-THOR could not do {action}: {event.metadata.get('errorMessage')}")
        self._changes.append((action, arguments))

    def reset(self) -> None:
        """Restore the house as it was created. ThorError as in `act`."""
        pose = pose_of(self.event.metadata)
        self._changes, self.state = [], ()
        try:
            self._created(self._controller.reset(self.scene))
            self.event = self._controller.step(action="TeleportFull", **to_thor(pose))
        except ThorError:
            raise
        except Exception as error:
            self._again(f"{type(error).__name__}: {error}", pose)

    def close(self) -> None:
        """Stop AI2-THOR."""
        if self._controller is not None:
            self._watch.over.set()
            controller, self._controller = self._controller, None
            try:
                controller.stop()
            except Exception:  # it may be dead already, in any of many ways
                process = getattr(controller.server, "unity_proc", None)
                if process is not None and process.poll() is None:
                    process.kill()

    def _again(self, why: str, pose: Any) -> None:
        self.close()
        while True:
            if self.restarts >= self.limit:
                raise ThorError(f"AI2-THOR: gave up after {self.restarts} restarts; the last error: {why}")
            self.restarts += 1
            try:
                self.event = self._start()
                for action, arguments in self._changes:
                    self._controller.step(action=action, **arguments)
                self.event = self._controller.step(action="TeleportFull", **to_thor(pose))
                return
            except ThorError as error:
                why = str(error)
            except Exception as error:
                why = f"{type(error).__name__}: {error}"
            self.close()

    def _start(self) -> Event:
        self._watch = Watch()
        controller = self._watch.controller()
        try:
            self._controller = controller(
                scene=self.scene,
                width=self.camera.width,
                height=self.camera.height,
                fieldOfView=self.camera.vertical_fov,
                gridSize=0.25,
                snapToGrid=False,
                renderDepthImage=True,
                renderNormalsImage=True,
                renderInstanceSegmentation=False,
                **self._options,
            )
            return self._created(self._controller.last_event)
        except ThorError:
            self.close()
            raise
        except Exception as error:
            self._watch.over.set()
            why = " ".join(str(error).split()) or type(error).__name__
            if self._watch.status is not None:
                why = f"Unity ended with status {self._watch.status}"
            raise ThorError(f"AI2-THOR did not start ({why}); its own log is ~/.ai2thor/log/unity.log; without a"
                            " network its build cannot be fetched") from error  # fmt: skip

    def _created(self, event: Event) -> Event:
        """The event of putting the agent at the start of a house that was just created; ThorError if there is none.

        CreateHouse itself puts the agent only into houses with `metadata.agentPoses`. In others it is outside and
        falls, and AI2-THOR finds nothing that it can reach. Scenes of iTHOR have their agent in them.
        """
        if not event.metadata["lastActionSuccess"]:
            raise ThorError(f"AI2-THOR could not create the house: {event.metadata.get('errorMessage')}")
        if isinstance(self.scene, str):
            return event
        start = start_of(self.scene)
        if start is None:
            raise ThorError("AI2-THOR needs to know where the agent starts: the house has no metadata.agent with"
                            " position and rotation")  # fmt: skip
        placed: Event = self._controller.step(action="TeleportFull", **start)
        if not placed.metadata["lastActionSuccess"]:
            raise ThorError(f"AI2-THOR could not put the agent at the house's start (metadata.agent):"
                            f" {placed.metadata.get('errorMessage')}")  # fmt: skip
        return placed
