"""How does Lightning learn what is already known: which process this is, and how the model is shared?"""

from typing import Any

import torch
from lightning.fabric.plugins.environments import ClusterEnvironment
from lightning.pytorch.strategies import DDPStrategy, ModelParallelStrategy
from torch import nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import fully_shard

from adapt.errors import RunError
from adapt.models.wan.transformer import WanTransformer
from adapt.runs.processes import Rank
from adapt.train.distributed import DDP, Ranks


def trainer_settings(ranks: Ranks) -> dict[str, Any]:
    """What Lightning's Trainer is told of devices and processes.

    Raises:
        RunError: This machine has fewer GPUs than processes.
    """
    if ranks.rank is None:
        return {"accelerator": "auto", "devices": 1}
    rank, gpus = ranks.rank, torch.cuda.device_count()
    if gpus and gpus < rank.local_size:
        raise RunError(
            f"finetune: {rank.local_size} processes on a machine with {gpus} GPU{'s' * (gpus > 1)}; each needs one of "
            f"its own: start {gpus}, or hide the GPUs with CUDA_VISIBLE_DEVICES='' to train on the processor"
        )
    if rank.size % rank.local_size:
        raise RunError(
            f"finetune: {rank.size} processes, {rank.local_size} of them on this machine; start as many on each"
        )
    # Gradients are added by hand (`Ranks.add_gradients`), and frozen buffers need no sending.
    shared = (
        DDPStrategy(broadcast_buffers=False)
        if ranks.strategy == DDP
        else ModelParallelStrategy(
            data_parallel_size=rank.size, tensor_parallel_size=1, save_distributed_checkpoint=False
        )
    )
    return {
        "accelerator": "cuda" if gpus else "cpu",
        "devices": rank.local_size,
        "num_nodes": rank.size // rank.local_size,
        "strategy": shared,
        "plugins": [_Started(rank)],
    }


def add_by_hand(model: nn.Module | None) -> None:
    """Keep DistributedDataParallel from averaging gradients on its own in this step, as inside its `no_sync`."""
    if isinstance(model, nn.parallel.DistributedDataParallel):
        model.require_backward_grad_sync = False


def shard_frozen(dit: WanTransformer, mesh: DeviceMesh) -> None:
    """Leave each process a part of the blocks' frozen weights; what is trained is small, and stays whole everywhere.

    So gradients, clipping, the optimiser and checkpoints are the same as without sharding. Parts outside the blocks
    are used outside `forward` too, and stay whole.

    Args:
        dit: The transformer with its adapters; changed in place. A second call changes nothing.
        mesh: The processes.
    """
    for block in dit.blocks:
        trained = {value for value in block.parameters() if value.requires_grad}
        if not hasattr(block, "unshard"):
            # Each block is a root of its own, and a root is by default kept whole from its first use on.
            fully_shard(block, mesh=mesh, ignored_params=trained, reshard_after_forward=True)


class _Started(ClusterEnvironment):  # type: ignore[misc]  # Lightning is not followed by mypy.
    """Processes that somebody has started, and who have found each other already."""

    def __init__(self, rank: Rank) -> None:
        super().__init__()
        self._rank = rank

    @property
    def creates_processes_externally(self) -> bool:
        """Lightning is to start none."""
        return True

    @property
    def main_address(self) -> str:
        """Where process 0 runs."""
        return self._rank.address

    @property
    def main_port(self) -> int:
        """Where they met."""
        return self._rank.port

    @staticmethod
    def detect() -> bool:
        """Only where it is given."""
        return False

    def world_size(self) -> int:
        """How many there are."""
        return self._rank.size

    def set_world_size(self, size: int) -> None:
        """It is known."""

    def global_rank(self) -> int:
        """Which one this is."""
        return self._rank.number

    def set_global_rank(self, rank: int) -> None:
        """It is known."""

    def local_rank(self) -> int:
        """Which one of this machine."""
        return self._rank.local

    def node_rank(self) -> int:
        """Which machine."""
        return self._rank.number // self._rank.local_size
