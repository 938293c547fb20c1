// Packed windowed grouped-query attention at 12B's head geometry against float64, forward and backward:
// windows shorter and longer than the rows, rows of one token, no NaN.
#include "native/kernels/attention.h"
#include "bench/gpu/kernels/check.h"

namespace mira::check {
namespace {

constexpr int64_t kHeads = 16, kKvHeads = 8, kDim = 256;

// Row by row with an explicit mask: query i sees key j when j <= i and i - j < window.
at::Tensor reference(const Tensors& in, const std::vector<int64_t>& lengths, int64_t window, double scale) {
  Tensors rows;
  int64_t start = 0;
  for (const int64_t n : lengths) {
    const auto heads = [&](const at::Tensor& t) { return t.narrow(0, start, n).transpose(0, 1); };
    const auto shared = [&](const at::Tensor& t) { return heads(t).repeat_interleave(kHeads / kKvHeads, 0); };
    const at::Tensor i = at::arange(n).unsqueeze(1), j = at::arange(n).unsqueeze(0);
    at::Tensor hidden = j > i;
    if (window > 0) hidden = hidden.logical_or(i - j >= window);
    const at::Tensor scores = at::matmul(heads(in[0]), shared(in[1]).transpose(1, 2)) * scale;
    const at::Tensor weights = at::softmax(scores.masked_fill(hidden, -INFINITY), -1);
    rows.push_back(at::matmul(weights, shared(in[2])).transpose(0, 1));
    start += n;
  }
  return at::cat(rows, 0);
}

}  // namespace

void check_attention(const Place& place) {
  const std::vector<int64_t> lengths{1, 97, 33, 130};
  std::vector<int32_t> offsets{0};
  for (const int64_t n : lengths) offsets.push_back(offsets.back() + static_cast<int32_t>(n));
  const int64_t tokens = offsets.back();
  const at::Tensor offsets_B1 = at::tensor(offsets, at::kInt).to(place.device);
  const double scale = 1.0 / 16;
  const Tensors inputs{normal({tokens, kHeads, kDim}, 11), normal({tokens, kKvHeads, kDim}, 12),
                       normal({tokens, kKvHeads, kDim}, 13)};
  for (const int64_t window : {0, 32, 1024}) {
    // FlashAttention's backward adds up dq with atomics: its bits may differ from run to run.
    compare(
        "attention, 16/8 heads of 256, window " + std::to_string(window), place, inputs,
        [&](const Tensors& in) {
          return Tensors{kernels::varlen_attention(in[0], in[1], in[2], offsets_B1, window, scale)};
        },
        [&](const Tensors& in) { return Tensors{reference(in, lengths, window, scale)}; },
        {.repeatable = false});
    compare(
        "attention without autograd, window " + std::to_string(window), place, inputs,
        [&](const Tensors& in) {
          return Tensors{kernels::varlen_attention_forward(in[0], in[1], in[2], offsets_B1, window, scale)};
        },
        [&](const Tensors& in) { return Tensors{reference(in, lengths, window, scale)}; },
        {.backward = false});
  }
}

}  // namespace mira::check
