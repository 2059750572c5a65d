"""A real lens in front of a pinhole: distortion, vignetting, defocus.

Image coordinates are those of OpenCV: x to the right and y downwards, at unit distance, 0 on the optical axis.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial

import cv2
import numpy as np
from numpy.typing import NDArray

from ...core.errors import UserError
from ...core.frame import Camera
from ...core.jit import compiled

_ITERATIONS = 200
_LARGEST = 3.0
"""Side of the widest picture that a lens may need, as a multiple of the picture that it makes."""


class LensError(UserError):
    """A lens that a camera cannot have: its distortion folds the picture over, or shows far more than the picture."""


@dataclass(frozen=True)
class Lens:
    """A thin lens with the distortion of Brown (1971) as in OpenCV; the default is a pinhole."""

    k1: float = 0.0
    """Radial distortion of second order; below 0 the picture bulges (barrel), above 0 its corners are drawn out."""
    k2: float = 0.0
    """Of fourth order."""
    k3: float = 0.0
    """Of sixth order."""
    p1: float = 0.0
    """Tangential distortion, vertical: a lens that is not parallel to the sensor."""
    p2: float = 0.0
    """Tangential distortion, horizontal."""
    vignetting: float = 0.0
    """Exponent to the cosine-fourth law of illumination: 0 for none, 1 for the law itself."""
    aperture: float = 0.0
    """Diameter of the entrance pupil in metres, focal length / f-number; 0 keeps everything sharp."""
    focus: float = 2.0
    """Distance that is in focus, in metres."""

    def __post_init__(self) -> None:
        if self.aperture < 0 or self.vignetting < 0 or self.focus <= 0:
            raise LensError(
                "lens: aperture and vignetting must be 0 or more and focus above 0, "
                f"got {self.aperture}, {self.vignetting} and {self.focus}"
            )

    @cached_property
    def distorts(self) -> bool:
        """Whether pixels lie elsewhere than in a pinhole's picture."""
        return any((self.k1, self.k2, self.k3, self.p1, self.p2))

    def distorted(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        """Where the lens shows what a pinhole shows at (x, y)."""
        radial, dx, dy = self._parts(x, y)
        return x * radial + dx, y * radial + dy

    def undistorted(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        """Where a pinhole shows what the lens shows at (x, y): the inverse of `distorted`, by fixed-point iteration.

        LensError where there is none.
        """
        ux, uy = x, y
        with np.errstate(all="ignore"):
            for _ in range(_ITERATIONS):
                radial, dx, dy = self._parts(ux, uy)
                nx, ny = (x - dx) / radial, (y - dy) / radial
                moved = float(np.max(np.hypot(nx - ux, ny - uy), initial=0.0))
                ux, uy = nx, ny
                if moved < 1e-10:
                    break
            back = self.distorted(ux, uy)
            wrong = ~(np.hypot(back[0] - x, back[1] - y) < 1e-6)
        if wrong.any():
            raise LensError(
                "lens: its distortion folds the picture over at the rim; take smaller coefficients, or a smaller "
                "field of view"
            )
        return ux, uy

    def _parts(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        """The radial factor, and the tangential shift."""
        r2 = x * x + y * y
        radial = 1 + r2 * (self.k1 + r2 * (self.k2 + r2 * self.k3))
        dx = 2 * self.p1 * x * y + self.p2 * (r2 + 2 * x * x)
        dy = self.p1 * (r2 + 2 * y * y) + 2 * self.p2 * x * y
        return radial, dx, dy

    def rays(self, camera: Camera) -> NDArray[np.float64]:
        """Rays through the pixel centres as `Camera.rays` has them, (H, W, 3): with them, depth stays a point."""
        if not self.distorts:
            return camera.rays()
        rays = camera.rays()
        x, y = self.undistorted(rays[..., 0], -rays[..., 1])
        return np.stack([x, -y, rays[..., 2]], -1)

    def source_camera(self, camera: Camera) -> Camera:
        """The pinhole camera, of the same focal length, whose picture has all that this lens shows in `camera`'s."""
        if not self.distorts:
            return camera
        rays = np.abs(_pixel_rays(self, camera))
        sides = []
        for axis, side in ((0, camera.width), (1, camera.height)):
            beyond = rays[..., axis].max() * camera.focal + 0.5 - side / 2
            sides.append(side + 2 * max(0, int(np.ceil(beyond - 1e-9))))  # of the same parity: centres stay centres
        if sides[0] > _LARGEST * camera.width or sides[1] > _LARGEST * camera.height:
            raise LensError(
                f"lens: it would show {sides[0]} x {sides[1]} pixels of a pinhole in {camera.width} x {camera.height}; "
                "take smaller coefficients, or a smaller field of view"
            )
        fov = float(np.degrees(2 * np.arctan(sides[1] / 2 / camera.focal)))
        return replace(camera, width=sides[0], height=sides[1], vertical_fov=fov)

    def positions(self, camera: Camera) -> NDArray[np.float32]:
        """Column and row in the picture of `source_camera` of what each pixel shows, float32 (2, H, W)."""
        return _positions(self, camera)

    def illumination(self, camera: Camera) -> NDArray[np.float32]:
        """Light at each pixel relative to the middle, float32 (H, W): the cosine-fourth law of natural vignetting."""
        return _illumination(self, camera)

    def defocus(self, light: NDArray[np.float32], depth: NDArray[np.float32], camera: Camera) -> NDArray[np.float32]:
        """Linear light (N, H, W, 3), blurred by `circles` of the depth (N, H, W).

        A pixel gathers the light of the discs that reach it, after Potmesil & Chakravarty (1981). What is behind a
        pixel does not spread over it farther than the pixel itself does.
        """
        radii = self.circles(depth, camera) / 2
        if radii.max(initial=0.0) <= 0.5:  # within the pixels themselves
            return light
        with np.errstate(divide="ignore"):
            nearness = np.where(depth > 0, 1 / depth, 0).astype(np.float32)
        out = np.empty_like(light)
        for one in range(len(light)):
            side = 2 * int(np.ceil(radii[one].max())) + 1
            reach = cv2.dilate(radii[one], np.ones((side, side), np.uint8))
            _gather_discs(light[one], nearness[one], radii[one], reach, out[one])
        return out

    def circles(self, depth: NDArray[np.float32], camera: Camera) -> NDArray[np.float32]:
        """Diameters in pixels of the circles of confusion of a thin lens at depth in metres; 0 is infinitely far."""
        with np.errstate(divide="ignore"):
            nearness = np.where(depth > 0, 1 / depth, 0)
        return np.asarray(self.aperture * camera.focal * np.abs(nearness - 1 / self.focus), np.float32)


@lru_cache(8)
def _pixel_rays(lens: Lens, camera: Camera) -> NDArray[np.float64]:
    return lens.rays(camera)


@lru_cache(8)
def _positions(lens: Lens, camera: Camera) -> NDArray[np.float32]:
    source = lens.source_camera(camera)
    rays = _pixel_rays(lens, camera)
    column = rays[..., 0] * camera.focal + source.width / 2 - 0.5
    row = -rays[..., 1] * camera.focal + source.height / 2 - 0.5
    return np.stack([column, row]).astype(np.float32)


@lru_cache(8)
def _illumination(lens: Lens, camera: Camera) -> NDArray[np.float32]:
    cosine = 1 / np.linalg.norm(_pixel_rays(lens, camera), axis=-1)
    return np.asarray(cosine ** (4 * lens.vignetting), np.float32)


@partial(compiled, error_model="numpy")
def _gather_discs(light, nearness, radii, reaching, out):
    height, width = nearness.shape
    for row in range(height):
        for column in range(width):
            total = np.float32(0)
            red, green, blue = np.float32(0), np.float32(0), np.float32(0)
            if reaching[row, column] <= 0.5:  # every disc around is smaller than a pixel
                for channel in range(3):
                    out[row, column, channel] = light[row, column, channel]
                continue
            reach = int(np.ceil(reaching[row, column]))
            own, own_near = radii[row, column], nearness[row, column]
            for r in range(max(0, row - reach), min(height, row + reach + 1)):
                for c in range(max(0, column - reach), min(width, column + reach + 1)):
                    radius = radii[r, c]
                    if nearness[r, c] < own_near:
                        radius = min(radius, own)
                    away = np.float32((r - row) * (r - row) + (c - column) * (c - column))
                    if away >= (radius + np.float32(0.5)) * (radius + np.float32(0.5)):
                        continue
                    # a pixel on the rim of a disc is covered in part; a disc's light is spread over its area
                    covered = min(np.float32(1), radius + np.float32(0.5) - np.sqrt(away))
                    weight = covered / max(np.float32(0.25), radius * radius)
                    total += weight
                    red += weight * light[r, c, 0]
                    green += weight * light[r, c, 1]
                    blue += weight * light[r, c, 2]
            out[row, column, 0] = red / total
            out[row, column, 1] = green / total
            out[row, column, 2] = blue / total
