"""Data-parallel training under torchrun: each process sees other batches, gradients are averaged."""

import os

import torch
import torch.distributed as dist


def join() -> tuple[int, int]:
    """(rank, number of processes); (0, 1) outside torchrun."""
    if "WORLD_SIZE" not in os.environ:
        return 0, 1
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    return dist.get_rank(), dist.get_world_size()


def leave():
    """Ends what `join` began: the group's threads abort a process that ends before them."""
    if dist.is_initialized():
        dist.destroy_process_group()


def average_gradients(net: torch.nn.Module):
    """Mean over all processes. A parameter without gradient has none in any process: all run the same phase."""
    if not dist.is_initialized():
        return
    gradients = [p.grad for p in net.parameters() if p.grad is not None]
    flat = torch.cat([g.flatten() for g in gradients])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    for g, mean in zip(gradients, flat.split([g.numel() for g in gradients])):
        g.copy_(mean.view_as(g))
