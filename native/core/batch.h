// A packed batch: B sequences laid end to end without padding, and which of their tokens are scored.
#pragma once
#include <ATen/ATen.h>

namespace mira {

struct PackedBatch {
  at::Tensor ids_T;      // int32, CPU
  at::Tensor offsets_B1; // int32 [B+1], offsets[0] = 0, offsets[B] = T, strictly increasing
  at::Tensor scored_N;   // int32, strictly increasing packed indices t whose token ids[t] is scored from
                         // the hidden state at t-1; never the first token of a sequence. May be empty.
  int64_t tokens() const { return ids_T.numel(); }
  int64_t sequences() const { return offsets_B1.numel() - 1; }
};

// Throws std::invalid_argument naming the field when the batch breaks one of the rules above or an id is
// outside [0, vocab).
void check_batch(const PackedBatch&, int64_t vocab, int64_t max_positions);

// Position of every token in its own sequence, int32 [T].
at::Tensor positions_of(const PackedBatch&);
// Sequence every scored token belongs to, int32 [N].
at::Tensor sequence_of_scored(const PackedBatch&);

}  // namespace mira
