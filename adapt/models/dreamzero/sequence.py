"""DreamZero's joint sequence as a layout: which tokens, in which order, where they stand, and their noise levels.

    clean frames | noisy frames | action tokens of each chunk | one state token per chunk

as ours; what differs is

- noise levels: each noisy frame and each action step has its own (training ties those of a chunk), and a state token
  has that of its chunk's first action, where ours has none;
- positions: actions and states stand on two lines of their own, numbered from the window's start, and turn all channels
  of a head; ours stand in time between the frames;
- frame 0 may stand among the noisy frames too, at a level of its own. It sees nothing but itself and nothing sees it,
  so that leaving it out changes nothing else. DreamZero's training has it, its sampling has not.

Who sees whom is the same rules as ours where video sees actions (`VIDEO_SEES_ACTIONS`): clean chunk i sees clean frames
up to its own; noisy video and actions of chunk i see the clean frames before it, each other, and the chunk's state;
a state sees itself. No action sees another chunk's actions or state. DreamZero puts the last chunk's clean frames into
its sequence as well; nothing sees them, and here they are left out.

When DreamZero samples, its state sees what the actions of its chunk see (`SAMPLED`): there all tokens of the chunk go
through one attention without a mask. Its weights were not trained so, but this is what its robots act with.

Source:
    dreamzero0/dreamzero at ab790c1, modules/wan_video_dit_action_casual_chunk.py, `_forward_train`,
    `_forward_inference` and `CausalWanSelfAttention`, where `local_attn_size` is one window or more. A window's frames
    were never more than that in training, so what it would do beyond is not here.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from adapt.models.wan.layout import VIDEO_SEES_ACTIONS, Kind, Layout, Rules, Sight, TokenTable

SAMPLED: Rules = {
    **VIDEO_SEES_ACTIONS,
    (Kind.STATE, Kind.CLEAN): Sight.UP_TO,
    (Kind.STATE, Kind.NOISY): Sight.SAME,
    (Kind.STATE, Kind.ACTION): Sight.SAME,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DreamZeroLayout(Layout):
    """The shape of one batch's sequence in DreamZero's order.

    Args:
        video_sees_actions: True in DreamZero's weights, always.
        noisy_first: Whether frame 0 stands among the noisy frames; only where chunk 0 is predicted.
        sampled: Whether states see what they see when DreamZero samples.
    """

    video_sees_actions: bool = True
    noisy_first: bool = False
    sampled: bool = False

    @property
    def rules(self) -> Rules:
        """Who sees whom."""
        return SAMPLED if self.sampled else VIDEO_SEES_ACTIONS

    @property
    def noisy_frames(self) -> int:
        """Noisy latent frames in the sequence."""
        return self.frames_per_chunk * self.predicted_chunks + int(self.noisy_first)

    @property
    def first_noisy_frame(self) -> int:
        """Which latent frame of the window the first noisy one is."""
        return 0 if self.noisy_first else 1 + self.frames_per_chunk * self.first_noisy

    @property
    def video_levels(self) -> int:
        """How many noise levels the noisy frames have: one each."""
        return self.noisy_frames

    @property
    def action_levels(self) -> int:
        """How many noise levels the actions have: one a step."""
        return self.action_steps * self.predicted_chunks

    def table(self) -> TokenTable:
        """Its tokens; a noisy frame 0 is of chunk -1, which nothing else is of."""
        kind, chunk, video = self.arranged()
        steps = torch.arange(self.action_steps * self.first_noisy, self.action_steps * self.chunks)
        states = torch.arange(self.first_noisy, self.chunks if self.action_steps else self.first_noisy)
        nowhere = torch.zeros(len(steps) + len(states), 3, dtype=torch.float64)
        index = torch.cat([torch.full((len(video),), -1), steps, states])
        return TokenTable(kind=kind, chunk=chunk, position=torch.cat([video, nowhere]), index=index)

    def slots(self) -> Int[Tensor, " n"]:
        """Which noise level each token has: 0 none, then each noisy frame's, then each action step's."""
        clean, noisy, actions, states = self.counts
        frame = torch.arange(self.noisy_frames).repeat_interleave(noisy // self.noisy_frames)
        step = torch.arange(actions)
        first_step = self.action_steps * torch.arange(states)
        levels = torch.cat([torch.zeros(clean, dtype=torch.long), 1 + frame])
        return torch.cat([levels, 1 + self.video_levels + torch.cat([step, first_step])])
