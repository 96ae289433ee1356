//! Memory by lifetime: tensors that are never alive together share a slot.

use crate::program::{Program, Storage, TensorId};
use portrait_kernels::Tier;

/// Bind-group offsets must be multiples of this (WebGPU's `minStorageBufferOffsetAlignment`).
pub(crate) const ALIGNMENT: usize = 256;

/// Slot of one planned tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The tensor.
    pub tensor: TensorId,
    /// Index into [`MemoryPlan::slots`].
    pub slot: usize,
    /// First step that touches it.
    pub first: usize,
    /// Last step that touches it.
    pub last: usize,
}

/// Slots for all planned tensors of a program. A slot becomes one buffer, so that a kernel never reads and writes the same
/// buffer in one dispatch (WebGPU tracks usage by whole buffer).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryPlan {
    /// Size of each slot in bytes.
    pub slots: Vec<usize>,
    /// Where each planned tensor lives.
    pub placements: Vec<Placement>,
    /// Bytes that a plan without reuse would take.
    pub bytes_without_reuse: usize,
}

impl MemoryPlan {
    /// Bytes of all slots.
    pub fn bytes(&self) -> usize {
        self.slots.iter().sum()
    }
}

impl Program {
    /// Plans the memory of one run: largest tensor first, into the smallest slot that is free during its lifetime
    /// ("greedy by size", Pisarchyk and Lee 2020).
    pub fn plan(&self, tier: Tier) -> MemoryPlan {
        let mut life: Vec<Option<(usize, usize)>> = vec![None; self.tensors.len()];
        for (step, s) in self.steps.iter().enumerate() {
            for &id in &s.bindings {
                let (root, _) = self.root(id);
                let span = life[root.0].get_or_insert((step, step));
                span.1 = step;
            }
        }
        let size = |id: usize| self.tensors[id].kind.bytes(tier).next_multiple_of(ALIGNMENT);
        let mut order: Vec<(usize, usize, usize)> = life
            .iter()
            .enumerate()
            .filter(|(i, _)| matches!(self.tensors[*i].storage, Storage::Planned))
            .filter_map(|(i, span)| span.map(|(first, last)| (i, first, last)))
            .collect();
        order.sort_by_key(|&(i, first, _)| (std::cmp::Reverse(size(i)), first));

        let mut plan = MemoryPlan { slots: Vec::new(), placements: Vec::new(), bytes_without_reuse: 0 };
        for (i, first, last) in order {
            plan.bytes_without_reuse += size(i);
            let free = |slot: usize| {
                plan.placements.iter().filter(|p| p.slot == slot).all(|p| p.last < first || last < p.first)
            };
            // Every slot is at least as large as this tensor, since tensors come by falling size.
            let slot = (0..plan.slots.len()).filter(|&s| free(s)).min_by_key(|&s| plan.slots[s]);
            let slot = slot.unwrap_or_else(|| {
                plan.slots.push(size(i));
                plan.slots.len() - 1
            });
            plan.placements.push(Placement { tensor: TensorId(i), slot, first, last });
        }
        plan
    }
}
