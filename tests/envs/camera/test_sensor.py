"""A sensor against the noise model, sRGB, the diagonal model and OpenCV's JPEG."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from testspace.envs.camera.sensor import Sensor, SensorError, light_table, linear, respond

ALL = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3)
FLAT = np.ones((16, 16), np.float32)


def exposed(sensor: Sensor, light: np.ndarray, seed: int = 0) -> np.ndarray:
    shade = np.ones(light.shape[1:3], np.float32)
    return sensor.expose(light.astype(np.float32), shade, np.random.default_rng(seed))


def test_without_effects_every_byte_returns() -> None:
    np.testing.assert_array_equal(exposed(Sensor(), linear(ALL)), ALL)


def test_a_stop_doubles_the_light_and_white_balance_scales_the_colours() -> None:
    light = np.full((1, 4, 4, 3), 0.2)
    brighter = light_table()[exposed(Sensor(exposure=1), light)]
    np.testing.assert_allclose(brighter, 0.4, atol=0.004)
    np.testing.assert_array_equal(exposed(Sensor(exposure=3), light), 255)
    balanced = light_table()[exposed(Sensor(white_balance=(1.5, 1, 0.5)), light)]
    np.testing.assert_allclose(balanced[0, 0, 0], (0.3, 0.2, 0.1), atol=0.004)
    assert (exposed(Sensor(), light) != exposed(Sensor(exposure=-1), light)).all()


@pytest.mark.parametrize("level", [0.05, 0.3, 0.6])
def test_noise_has_the_variance_of_the_model(level: float) -> None:
    sensor = Sensor(shot=0.002, read=0.01, response=(1.0,))  # a linear curve: 255 steps of light
    rgb = exposed(sensor, np.full((4, 64, 64, 3), level))
    assert (rgb / 255).mean() == pytest.approx(level, abs=0.002)
    expected = 0.002 * level + 0.01**2 + (1 / 255) ** 2 / 12  # and of rounding
    assert (rgb / 255).var() == pytest.approx(expected, rel=0.03)
    flat = rgb.astype(float) - rgb.mean()
    assert abs(np.corrcoef(flat[0, ..., 0].ravel(), flat[0, ..., 1].ravel())[0, 1]) < 0.05
    assert abs(np.corrcoef(flat[0].ravel(), flat[1].ravel())[0, 1]) < 0.05


def test_the_curve_of_srgb_is_the_standards() -> None:
    assert respond(np.array([0, 1.0])).tolist() == pytest.approx([0, 1])
    assert respond(np.array([0.0031308])).item() == pytest.approx(12.92 * 0.0031308, abs=1e-6)
    assert respond(np.array([0.18])).item() == pytest.approx(0.4613, abs=1e-4)  # middle grey
    np.testing.assert_allclose(respond(light_table().astype(float)), np.arange(256) / 255, atol=1e-6)


def test_a_response_is_light_to_a_power_that_changes_with_it() -> None:
    sensor = Sensor(response=(0.45, 0.1))
    for light in (0.01, 0.2, 0.7, 1.0):
        byte = exposed(sensor, np.full((1, 2, 2, 3), light))[0, 0, 0, 0]
        assert byte == pytest.approx(255 * light ** (0.45 + 0.1 * light), abs=0.6)
    with pytest.raises(SensorError, match="not a curve"):
        Sensor(response=(0.1, 3.0))
    with pytest.raises(SensorError, match="jpeg"):
        Sensor(jpeg=101)
    with pytest.raises(SensorError, match="white_balance"):
        Sensor(white_balance=(0, 1, 1))


def test_jpeg_is_opencvs_and_loses_more_at_less_quality() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (2, 32, 48, 3), np.uint8)
    for colour in (0, 1, 2):
        rgb[..., colour] = cv2.GaussianBlur(rgb[..., colour][0], (0, 0), 2)
    losses = [np.abs(Sensor(jpeg=q).compress(rgb).astype(int) - rgb).mean() for q in (10, 50, 95)]
    assert losses[0] > losses[1] > losses[2] > 0
    data = cv2.imencode(".jpg", np.ascontiguousarray(rgb[0][..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, 50])[1]
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    np.testing.assert_array_equal(Sensor(jpeg=50).compress(rgb)[0], decoded[..., ::-1])


@given(st.floats(-4, 4), st.floats(0, 0.05), st.floats(0, 0.1), st.integers(0, 9))
def test_bytes_stay_bytes_and_follow_from_the_seed(exposure: float, shot: float, read: float, seed: int) -> None:
    sensor = Sensor(exposure=exposure, shot=shot, read=read)
    rgb = exposed(sensor, linear(ALL), seed)
    assert (rgb.dtype, rgb.shape) == (np.uint8, ALL.shape)
    np.testing.assert_array_equal(rgb, exposed(sensor, linear(ALL), seed))
