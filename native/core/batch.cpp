// The rules of a packed batch, and the index vectors derived from it; see batch.h.
#include "native/core/batch.h"
#include <stdexcept>
#include <string>

namespace mira {
namespace {

[[noreturn]] void fail(const std::string& sentence) { throw std::invalid_argument(sentence); }

void check_vector(const at::Tensor& t, const char* field) {
  if (!t.defined() || t.scalar_type() != at::kInt || t.dim() != 1 || !t.is_contiguous())
    fail(std::string("batch.") + field + ": expected a one-dimensional int32 tensor.");
}

}  // namespace

void check_batch(const PackedBatch& batch, int64_t vocab, int64_t max_positions) {
  check_vector(batch.ids_T, "ids");
  check_vector(batch.offsets_B1, "offsets");
  check_vector(batch.scored_N, "scored");
  const int64_t T = batch.tokens(), B = batch.sequences(), N = batch.scored_N.numel();
  const int32_t* ids = batch.ids_T.const_data_ptr<int32_t>();
  const int32_t* offsets = batch.offsets_B1.const_data_ptr<int32_t>();
  const int32_t* scored = batch.scored_N.const_data_ptr<int32_t>();
  if (B < 1) fail("batch.offsets: expected at least two entries (one sequence), got " + std::to_string(B + 1) + ".");
  if (offsets[0] != 0) fail("batch.offsets: expected the first entry to be 0, got " + std::to_string(offsets[0]) + ".");
  if (offsets[B] != T)
    fail("batch.offsets: expected the last entry to be the number of ids, " + std::to_string(T) + ", got " +
         std::to_string(offsets[B]) + ".");
  for (int64_t b = 0; b < B; ++b) {
    const int64_t length = int64_t{offsets[b + 1]} - offsets[b];
    if (length < 1) fail("batch.offsets: expected strictly increasing entries, entry " + std::to_string(b + 1) + " is not.");
    if (length > max_positions)
      fail("batch.offsets: sequence " + std::to_string(b) + " has " + std::to_string(length) +
           " tokens, the model's config.maxPositions is " + std::to_string(max_positions) + "; shorten it.");
  }
  for (int64_t t = 0; t < T; ++t)
    if (ids[t] < 0 || ids[t] >= vocab)
      fail("batch.ids: expected ids in [0, " + std::to_string(vocab) + "), entry " + std::to_string(t) + " is " +
           std::to_string(ids[t]) + ".");
  int64_t b = 0;
  for (int64_t n = 0; n < N; ++n) {
    if (scored[n] < 0 || scored[n] >= T || (n > 0 && scored[n] <= scored[n - 1]))
      fail("batch.scored: expected strictly increasing indices in [0, " + std::to_string(T) + "), entry " +
           std::to_string(n) + " is " + std::to_string(scored[n]) + ".");
    while (scored[n] >= offsets[b + 1]) ++b;
    if (scored[n] == offsets[b])
      fail("batch.scored: entry " + std::to_string(n) + " is the first token of sequence " + std::to_string(b) +
           ", which has no context to be scored from.");
  }
}

at::Tensor positions_of(const PackedBatch& batch) {
  at::Tensor pos_T = at::empty({batch.tokens()}, at::kInt);
  const int32_t* offsets = batch.offsets_B1.const_data_ptr<int32_t>();
  int32_t* pos = pos_T.data_ptr<int32_t>();
  for (int64_t b = 0; b < batch.sequences(); ++b)
    for (int32_t t = offsets[b]; t < offsets[b + 1]; ++t) pos[t] = t - offsets[b];
  return pos_T;
}

at::Tensor sequence_of_scored(const PackedBatch& batch) {
  const int64_t N = batch.scored_N.numel();
  at::Tensor sequence_N = at::empty({N}, at::kInt);
  const int32_t* offsets = batch.offsets_B1.const_data_ptr<int32_t>();
  const int32_t* scored = batch.scored_N.const_data_ptr<int32_t>();
  int32_t* sequence = sequence_N.data_ptr<int32_t>();
  int32_t b = 0;
  for (int64_t n = 0; n < N; ++n) {
    while (scored[n] >= offsets[b + 1]) ++b;
    sequence[n] = b;
  }
  return sequence_N;
}

}  // namespace mira
