"""The stages of one house and one seed, with a preset's sizes: what the experiments are written in.

stages = Stages(store, preset, (house,), seed)
frames = stages.collect()
learner = stages.pretrain((frames,))
miou = stages.miou(stages.transfer(learner))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from ...agent.fusion.fusion_config import FusionConfig
from ...envs.choices import Sensors
from ...envs.house.house import House
from ...learners.adaptation.label_propagation import FewLabels, few_labels
from ...learners.heads.transfer_config import TransferConfig
from ...learners.objectives.dino import DinoConfig
from ...learners.objectives.tst_config import TSTConfig
from ..protocol.preset import Preset
from ..protocol.score import Score
from ..protocol.transfer_set import transfer_set
from . import (
    collect_stage,
    dino_stage,
    evaluate_stage,
    label_score_stage,
    multimodal_stage,
    part_stage,
    pictures_stage,
    pretrain_stage,
    pseudolabel_stage,
    retrieval_stage,
    run_stage,
    simulator_stage,
    specialist_stage,
    transfer_stage,
    truth,
    ttt_stage,
)
from .baselines import Generalist, generalists
from .labelled_set import LabelledSet
from .pretrain_stage import DataMix
from .pseudolabel_stage import Pseudolabelled
from .run_stage import LiveRun, Sim
from .store import Entry, Store

FEW, POOL = 20, 200
"""Labelled frames of label propagation, and of how many they are chosen."""


class Stages:
    """Each method returns what it asks for, from the disk where it was made before."""

    def __init__(self, store: Store, preset: Preset, states: Sequence[House], seed: int) -> None:
        """`states`: the test space, and what changes make of it in turn."""
        self.store, self.preset, self.states, self.seed = store, preset, tuple(states), seed

    @cached_property
    def labelled(self) -> LabelledSet:
        """D_t for this test space: external houses that share no asset with it."""
        with self.store.progress.stage("transfer set") as advance:
            return LabelledSet.of(transfer_set(self.states[0], self.preset.transfer_set, (), advance))

    @property
    def frames(self) -> int:
        """Frames of the episode."""
        return self.preset.episode.frames

    def steps(self, frames: int | None = None) -> int:
        """Steps of pre-training due after so many frames; those of the episode unless it is said."""
        return self.preset.steps(frames)

    def mm(self, modalities: tuple[str, ...] | None = None, pseudolabels: bool = True) -> TSTConfig:
        """TST-MM on the preset's modalities, or on these."""
        config = self.preset.learner
        classes = config.pseudolabel_classes if pseudolabels else 0
        return replace(config, modalities=modalities or config.modalities, pseudolabel_classes=classes)

    @property
    def mae(self) -> TSTConfig:
        """TST-MAE: masked autoencoding of rgb."""
        config = self.preset.learner
        return replace(config, objective="mae", modalities=("rgb",), targets="patches", pseudolabel_classes=0)

    @cached_property
    def views(self) -> Entry:
        """The held-out views."""
        return truth.views(self.store, self.states, self.preset, self.seed)

    def collect(self, state: int = 0, frames: int | None = None) -> Entry:
        """What the agent sees in a state of the house, in the episode's number of frames by default."""
        return collect_stage.collect(
            self.store, self.states[state], self.views, self.preset, self.seed, frames or self.frames
        )  # fmt: skip

    def part(self, collected: Entry, share: float) -> Entry:
        """What was collected in the middle of the house that holds this share of the held-out views."""
        return part_stage.part(self.store, collected, self.views, share)

    def pretrain(
        self,
        own: Sequence[Entry],
        config: TSTConfig | None = None,
        *,
        steps: int | None = None,
        mix_share: float = 0.5,
        start: Entry | None = None,
        title: str = "TST-MM",
    ) -> Entry:
        """A learner on these frames, TST-MM with the preset's modalities unless `config` says otherwise.

        `mix_share`: share of the samples that are rgb of D_t, 0 for none. `start`: a learner to go on from.
        """
        config = config or self.mm()
        labels = [self.own(one).pseudolabels for one in own] if config.pseudolabel_classes else []
        mix = DataMix(steps or self.steps(), own, labels, self.labelled if mix_share else None, mix_share)
        return pretrain_stage.pretrain(self.store, config, mix, self.seed, start, f"pre-training of {title}")

    def pretrain_dino(self, own: Sequence[Entry], samples: int, title: str = "TST-DINO") -> Entry:
        """TST-DINO on the rgb of these frames and of D_t, half each, for so many samples."""
        size = self.preset.learner
        config = DinoConfig(
            size=size.size, image_size=size.image_size, patch=size.patch, local_size=size.image_size // 2
        )  # fmt: skip
        mix = DataMix(max(1, round(samples / config.batch_size)), own, (), self.labelled)
        return dino_stage.pretrain_dino(self.store, config, mix, self.seed, f"pre-training of {title}")

    @cached_property
    def scratch(self) -> Entry:
        """The segmenter that learned from D_t alone; its predictions become the pseudolabels."""
        return self.transfer(None, title="scratch")

    def own(self, collected: Entry, fusion: FusionConfig | None = None) -> Pseudolabelled:
        """Collected frames with their pseudolabels, fused as the preset says or in another way."""
        return Pseudolabelled(
            collected,
            pseudolabel_stage.pseudolabel(
                self.store,
                collected,
                self.scratch,
                self.labelled,
                self.preset.camera,
                fusion or self.preset.fusion,
                self.preset.episode.rollout,
            ),
        )

    def label_score(self, own: Pseudolabelled) -> dict[str, Any]:
        """The score of pseudolabels against the truth of their frames."""
        learnable = self.labelled.frames.classes()
        return label_score_stage.label_score(self.store, self.states[0], own, self.preset, learnable)

    def transfer(self, learner: Entry | None, own: Pseudolabelled | None = None, title: str = "TST-MM") -> Entry:
        """A segmenter on D_t from a learner's encoder, or from scratch.

        `own`: the agent's frames with their pseudolabels, joined to D_t as in a live run.
        """
        labelled, config = self.labelled, self.preset.transfer
        encoder = self.preset.learner if learner is None else learner
        if own is None:
            return self._transfer(encoder, lambda: labelled.frames, labelled.key, config, title)
        count = self.preset.own_frames * len(labelled.frames)
        key = [labelled.key, own.collected.key, own.pseudolabels.key, count]
        return self._transfer(encoder, lambda: labelled.frames.join(own.evenly(count)), key, config, title)

    def generalists(self, more: Sequence[str] = ()) -> dict[str, Generalist]:
        """Those at hand and `more` of timm's, by name. Frames are scaled so that EfficientNet-Lite0 has 7 x 7 features
        of 64 pixels, where nano has 8 x 8."""
        return generalists(self.preset.learner.image_size * 7 // 2, more)

    def frozen(self, general: Generalist) -> Entry:
        """The segmenter on a generalist's encoder, which stays as it is: to fine-tune it costs thrice as much."""
        labelled, config = self.labelled, replace(self.preset.transfer, frozen=True)
        return self._transfer(general, lambda: labelled.frames, labelled.key, config, general.name)

    def _transfer(
        self, encoder: Entry | TSTConfig | Generalist, frames: Any, key: Any, config: TransferConfig, title: str
    ) -> Entry:
        return transfer_stage.transfer(
            self.store, encoder, frames, key, config, self.preset.head, self.seed, f"transfer of {title}"
        )

    def transfer_multimodal(self, learner: Entry | None, title: str) -> Entry:
        """A segmenter on D_t that takes depth, normals and edges beside rgb, from a learner or from scratch."""
        start, config = self.preset.learner if learner is None else learner, self.preset.transfer
        return multimodal_stage.transfer_multimodal(
            self.store, start, self.labelled, config, self.seed, f"transfer of {title}"
        )

    def specialist(self, collected: Entry, title: str = "specialist") -> Entry:
        """The segmenter of a live run: TST-MM, transferred on D_t and the agent's own pseudolabelled frames."""
        return self.transfer(self.pretrain((collected,), title=title), self.own(collected), title=title)

    def bound(self) -> Entry:
        """The segmenter from scratch on labels of the test space itself, as many as D_t has (Figure 11's upper bound).

        The one learner that sees labels of the test space; nothing is compared with it but the bound.
        """
        count = len(self.labelled.frames)
        return self._transfer(
            self.preset.learner,
            lambda: truth.labelled_frames(self.states[0], self.views, self.preset, self.seed, count),
            ["truth", self.views.key, count],
            self.preset.transfer,
            "supervised bound",
        )

    def propagate(self, encoder: Entry | Generalist | None, title: str) -> Entry:
        """The segmenter from `FEW` labelled frames of the test space itself (label propagation, Appendix C), which are
        chosen as for a person to label; None: from scratch."""

        def chosen() -> FewLabels:
            pool = truth.labelled_frames(self.states[0], self.views, self.preset, self.seed, POOL)
            return few_labels(pool.rgb, pool.semantic, FEW)[0]

        config = self.preset.transfer
        if isinstance(encoder, Generalist):
            config = replace(config, frozen=True)
        start = self.preset.learner if encoder is None else encoder
        key = ["few", self.views.key, POOL, FEW]
        return self._transfer(start, chosen, key, config, f"{title}, {FEW} labels")

    def evaluate(
        self, segmenter: Entry, state: int = 0, share: float = 1.0, views: Entry | None = None
    ) -> dict[str, Any]:
        """The score on the held-out views of a state of the house, in the middle of it that holds this share of them;
        or on those of another house."""
        learnable = self.labelled.frames.classes()
        return evaluate_stage.evaluate(self.store, segmenter, views or self.views, learnable, state, share)

    def live_run(
        self,
        preset: Preset | None = None,
        policy: str = "frontier",
        change: Sequence[str] = (),
        sim: Sim = "raycast",
        sensors: Sensors = "exact",
    ) -> LiveRun:
        """A run of the live agent in this house, of this preset's sizes or of others, in this simulator."""
        sizes = preset or self.preset
        return run_stage.live_run(self.store, self.states[0], sizes, self.seed, policy, change, sim, sensors)

    def pictures(self, sim: Sim) -> Entry:
        """Held-out labelled views of the house in this simulator: see `pictures_stage`."""
        return pictures_stage.pictures(self.store, self.states[0], sim, self.preset, self.seed)

    def score_in(self, shown: Entry, run: LiveRun | None) -> dict[str, Score]:
        """The score of a run's specialist in pictures of another simulator; of the generalist for None."""
        return simulator_stage.score_in(self.store, run, shown, self.preset)

    def compared(self, run: LiveRun, labels: specialist_stage.LabelSource) -> dict[str, Score]:
        """What a specialist of this run is compared with, from rgb and with depth: see `specialist_stage`."""
        house = self.states[0]
        known = specialist_stage.GroundTruth(
            lambda: truth.read_frames(self.views), lambda poses: truth.frame_labels(house, poses, self.preset)
        )
        return specialist_stage.compared(self.store, run, house, self.views, self.preset, self.seed, labels, known)

    def retrieval(self, learner: Entry, target: str) -> dict[str, dict[int, float]]:
        """Recall@1, 5 and 10 across rgb and depth of the held-out views, by what is predicted of `target`."""
        return retrieval_stage.retrieval(self.store, learner, self.views, target)

    def test_time_training(self, segmenter: Entry, learner: Entry, own: Entry | None) -> dict[str, Any]:
        """Scores before it, and after it frame by frame and online, on the preset's first held-out views for it."""
        return ttt_stage.ttt(
            self.store, segmenter, learner, self.views, self.labelled, own, self.preset.ttt, self.preset.ttt_views,
            self.seed,
        )  # fmt: skip

    def scores(self, segmenters: Mapping[str, Entry]) -> dict[str, dict[str, float]]:
        """mIoU and pixel accuracy of each, in percent."""
        found = {method: self.evaluate(segmenter) for method, segmenter in segmenters.items()}
        return {m: {"mIoU": 100 * s["miou"], "pixel accuracy": 100 * s["pixel_accuracy"]} for m, s in found.items()}

    def miou(self, segmenter: Entry, state: int = 0, share: float = 1.0, views: Entry | None = None) -> float:
        """The mIoU of `evaluate`, in percent."""
        return 100 * float(self.evaluate(segmenter, state, share, views)["miou"])
