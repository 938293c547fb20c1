// A packed batch: B sequences laid end to end without padding, which of their tokens are scored, and which scored
// tokens form one action (A actions). Indices are checked and read on the CPU; to() gives the copy a pass works on.
#pragma once
#include <ATen/ATen.h>

namespace mira {

struct PackedBatch {
  at::Tensor ids_T;      // int32
  at::Tensor offsets_B1; // int32 [B+1], offsets[0] = 0, offsets[B] = T, strictly increasing
  at::Tensor scored_N;   // int32, strictly increasing packed indices t whose token ids[t] is scored from
                         // the hidden state at t-1; never the first token of a sequence. May be empty.
  // Undefined: each sequence is one action (A = B). Otherwise int32 [A+1], where each action begins in scored_N:
  // groups[0] = 0, groups[A] = N, never falling. Several actions of an episode whose prompts extend each other share
  // one sequence this way: attention is causal, so an action is scored as if it stood alone behind its own prompt.
  at::Tensor groups_A1 = {};

  int64_t tokens() const { return ids_T.numel(); }
  int64_t sequences() const { return offsets_B1.numel() - 1; }
  int64_t actions() const { return groups_A1.defined() ? groups_A1.numel() - 1 : sequences(); }
  // The same batch on a device; itself where it is there already.
  PackedBatch to(at::Device) const;
};

// Throws std::invalid_argument naming the field when the batch breaks one of the rules above or an id is
// outside [0, vocab). This and the functions below take a batch on the CPU.
void check_batch(const PackedBatch&, int64_t vocab, int64_t max_positions);

// Position of every token in its own sequence, int32 [T].
at::Tensor positions_of(const PackedBatch&);
// Tokens of the longest sequence.
int64_t longest_of(const PackedBatch&);
// Action every scored token belongs to, int32 [N].
at::Tensor action_of_scored(const PackedBatch&);

}  // namespace mira
