"""What operators make, counted while they run: bytes that live at once, and floating point operations.

On the meta device nothing is computed and no memory is taken, but every operator, its shapes and the moments at which
its results are let go are those of a real run. So a training step of any size is counted, not estimated.
"""

import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry, sdpa_backward_flop_count, sdpa_flop_count

CPU, CUDA = "cpu", "cuda"
_ATEN = torch.ops.aten
_BIAS_MULTIPLE = 16  # CUDA's kernel wants an additive mask whose rows are as long as a multiple of this


def _cpu_attention_flops(query: Tensor, key: Tensor, value: Tensor, *_: Any, **__: Any) -> int:
    return int(sdpa_flop_count(query.shape, key.shape, value.shape))  # type: ignore[no-untyped-call]


def _cpu_attention_backward_flops(grad: Tensor, query: Tensor, key: Tensor, value: Tensor, *_: Any, **__: Any) -> int:
    shapes = (grad.shape, query.shape, key.shape, value.shape)
    return int(sdpa_backward_flop_count(*shapes))  # type: ignore[no-untyped-call]


_FLOPS: Mapping[Any, Callable[..., int]] = {
    **flop_registry,
    _ATEN._scaled_dot_product_flash_attention_for_cpu: _cpu_attention_flops,
    _ATEN._scaled_dot_product_flash_attention_for_cpu_backward: _cpu_attention_backward_flops,
}


class Tally(TorchDispatchMode):  # type: ignore[no-untyped-call]  # Torch has no types for it.
    """Counts inside its `with` block; a storage that several tensors share counts once, until the last of them goes.

    What a kernel takes for itself while it runs is not seen.

    Args:
        outside: Tensors that were there before and do not count, such as weights.

    Attributes:
        live: Bytes that are held now.
        peak: The most that were held at once.
        flops: Floating point operations of matrix products, convolutions and attention; a multiplication and an
            addition are two.
    """

    def __init__(self, outside: Iterable[Tensor] = ()) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live = self.peak = self.flops = 0
        self._outside = {tensor.untyped_storage()._cdata for tensor in outside}
        self._held: dict[int, weakref.finalize[Any, Any]] = {}

    def __torch_dispatch__(
        self, func: Any, _types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run the operator, and count."""
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        if (count := _FLOPS.get(func._overloadpacket)) is not None:
            own = count is _cpu_attention_flops or count is _cpu_attention_backward_flops
            self.flops += int(count(*args, **kwargs) if own else count(*args, **kwargs, out_val=out))
        for value in tree_leaves(out):
            if isinstance(value, Tensor):
                self._hold(value.untyped_storage())
        return out

    def _hold(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key in self._outside or key in self._held:
            return
        nbytes = storage.nbytes()
        self.live += nbytes
        self.peak = max(self.peak, self.live)
        self._held[key] = weakref.finalize(storage, self._let_go, key, nbytes)

    def _let_go(self, key: int, nbytes: int) -> None:
        self.live -= nbytes
        del self._held[key]


@contextmanager
def attention_of(kernel: str) -> Iterator[None]:
    """Inside, attention of tensors on the meta device is that of the kernel which a device would take.

    Left to itself, torch takes the formula written out, whose memory grows with the square of the sequence. A mode of
    torch's would not reach what is computed again in a backward pass, so the function itself is exchanged.

    Args:
        kernel: "cpu", or "cuda" for the one that takes masks.
    """
    real = F.scaled_dot_product_attention

    def attend(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None) -> Tensor:
        if query.is_meta:
            return _on_cpu(query, key, value, attn_mask) if kernel == CPU else _on_cuda(query, key, value, attn_mask)
        return real(query, key, value, attn_mask=attn_mask)

    F.scaled_dot_product_attention = attend  # type: ignore[assignment]  # It takes what our calls give.
    try:
        yield
    finally:
        F.scaled_dot_product_attention = real


def _on_cpu(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    bias = None if mask is None else _bias(mask, query)
    out: Tensor = _ATEN._scaled_dot_product_flash_attention_for_cpu(query, key, value, attn_mask=bias)[0]
    return out


def _on_cuda(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    bias = None
    if mask is not None:
        bias, length = _bias(mask, query), mask.shape[-1]
        if length % _BIAS_MULTIPLE:
            bias = F.pad(bias, (0, -length % _BIAS_MULTIPLE))[..., :length]
        bias = bias.expand(*query.shape[:2], query.shape[2], length)
    out: Tensor = _ATEN._scaled_dot_product_efficient_attention(query, key, value, bias, True)[0]  # noqa: FBT003
    return out


def _bias(mask: Tensor, like: Tensor) -> Tensor:
    """What torch makes of a mask of truths, anew at every call."""
    return torch.where(mask, like.new_zeros(()), like.new_full((), -torch.inf))
