// The rules of a packed batch, and the index vectors derived from it; see batch.h.
#include "native/core/batch.h"
#include <algorithm>
#include <stdexcept>
#include <string>

namespace mira {
namespace {

[[noreturn]] void fail(const std::string& sentence) { throw std::invalid_argument(sentence); }

void check_vector(const at::Tensor& t, const char* field) {
  if (!t.defined() || t.scalar_type() != at::kInt || t.dim() != 1 || !t.is_contiguous())
    fail(std::string("batch.") + field + ": expected a one-dimensional int32 tensor.");
}

void check_groups(const at::Tensor& groups_A1, int64_t N) {
  check_vector(groups_A1, "groups");
  const int64_t A = groups_A1.numel() - 1;
  if (A < 1) fail("batch.groups: expected at least two entries (one action), got " + std::to_string(A + 1) + ".");
  const int32_t* groups = groups_A1.const_data_ptr<int32_t>();
  if (groups[0] != 0 || groups[A] != N)
    fail("batch.groups: expected entries from 0 to the number of scored tokens, " + std::to_string(N) + ", got " +
         std::to_string(groups[0]) + " to " + std::to_string(groups[A]) + ".");
  for (int64_t a = 0; a < A; ++a)
    if (groups[a + 1] < groups[a])
      fail("batch.groups: expected entries that never fall, entry " + std::to_string(a + 1) + " does.");
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
  if (batch.groups_A1.defined()) check_groups(batch.groups_A1, N);
}

PackedBatch PackedBatch::to(at::Device device) const {
  if (ids_T.device() == device) return *this;
  return {ids_T.to(device), offsets_B1.to(device), scored_N.to(device),
          groups_A1.defined() ? groups_A1.to(device) : at::Tensor()};
}

at::Tensor positions_of(const PackedBatch& batch) {
  at::Tensor pos_T = at::empty({batch.tokens()}, at::kInt);
  const int32_t* offsets = batch.offsets_B1.const_data_ptr<int32_t>();
  int32_t* pos = pos_T.data_ptr<int32_t>();
  for (int64_t b = 0; b < batch.sequences(); ++b)
    for (int32_t t = offsets[b]; t < offsets[b + 1]; ++t) pos[t] = t - offsets[b];
  return pos_T;
}

int64_t longest_of(const PackedBatch& batch) {
  const int32_t* offsets = batch.offsets_B1.const_data_ptr<int32_t>();
  int32_t longest = 0;
  for (int64_t b = 0; b < batch.sequences(); ++b) longest = std::max(longest, offsets[b + 1] - offsets[b]);
  return longest;
}

at::Tensor action_of_scored(const PackedBatch& batch) {
  const int64_t N = batch.scored_N.numel();
  at::Tensor action_N = at::empty({N}, at::kInt);
  const int32_t* scored = batch.scored_N.const_data_ptr<int32_t>();
  // An action ends where the next one's scored tokens begin, or, without groups, where its sequence does.
  const bool grouped = batch.groups_A1.defined();
  const int32_t* end = (grouped ? batch.groups_A1 : batch.offsets_B1).const_data_ptr<int32_t>() + 1;
  int32_t* action = action_N.data_ptr<int32_t>();
  int32_t a = 0;
  for (int64_t n = 0; n < N; ++n) {
    while ((grouped ? n : scored[n]) >= end[a]) ++a;
    action[n] = a;
  }
  return action_N;
}

}  // namespace mira
