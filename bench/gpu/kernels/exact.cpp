// The kernels of exact mode: right against float64, and a row alone has the bits it has in company.
#include "bench/gpu/kernels/check.h"
#include "native/kernels/exact_attention.h"
#include "native/kernels/exact_linear.h"

namespace mira::check {
namespace {

void check_linear(const Place& place) {
  const Tensors inputs{normal({67, 512}, 41), normal({384, 512}, 42)};
  compare(
      "exact_linear 67x512x384", place, inputs,
      [](const Tensors& in) {
        return Tensors{kernels::exact_linear(in[0].detach(), in[1].detach(), at::kFloat)};
      },
      [](const Tensors& in) { return Tensors{at::matmul(in[0], in[1].t())}; }, {.backward = false});
  const std::string name = std::string("exact_linear, rows alone ") + c10::toString(place.dtype);
  attempt(name, [&] {
    const auto there = [&](const at::Tensor& t) { return t.to(place.dtype).to(place.device).contiguous(); };
    const at::Tensor x = there(inputs[0]), w = there(inputs[1]),
                     all = kernels::exact_linear(x, w, at::kFloat);
    int64_t differing = 0;
    for (int64_t i = 0; i < x.size(0); ++i)
      if (!same_bits(kernels::exact_linear(x.narrow(0, i, 1).contiguous(), w, at::kFloat),
                     all.narrow(0, i, 1)))
        ++differing;
    report(name, differing == 0, {{"rowsDiffering", static_cast<double>(differing)}});
  });
}

void check_attention_rows(const Place& place) {
  // One row of 70 tokens, query t sees its last 48 keys.
  const int64_t tokens = 70, window = 48, heads = 16, kv_heads = 8, dim = 256;
  const Tensors inputs{normal({tokens, heads, dim}, 43), normal({tokens, kv_heads, dim}, 44),
                       normal({tokens, kv_heads, dim}, 45)};
  const auto rows = [&](int64_t from, int64_t count) {
    const at::Tensor t = at::arange(from, from + count), first = at::clamp_min(t - window + 1, 0);
    const auto there = [&](const at::Tensor& x) { return x.to(at::kInt).to(place.device); };
    return kernels::KeyRows{there(first), there(at::zeros_like(t)), there(t - first + 1), 0};
  };
  compare(
      "exact_attention, window 48", place, inputs,
      [&](const Tensors& in) {
        return Tensors{kernels::exact_attention(in[0].detach(), in[1].detach(), in[2].detach(),
                                                rows(0, tokens), 1.0 / 16)};
      },
      [&](const Tensors& in) {
        const auto by_head = [&](const at::Tensor& t) {
          return t.transpose(0, 1).repeat_interleave(heads / t.size(1), 0);
        };
        const at::Tensor i = at::arange(tokens).unsqueeze(1), j = at::arange(tokens).unsqueeze(0);
        const at::Tensor hidden = (j > i).logical_or(i - j >= window);
        const at::Tensor scores = at::matmul(by_head(in[0]), by_head(in[1]).transpose(1, 2)) / 16;
        const at::Tensor weights = at::softmax(scores.masked_fill(hidden, -INFINITY), -1);
        return Tensors{at::matmul(weights, by_head(in[2])).transpose(0, 1)};
      },
      {.backward = false});
  const std::string name = std::string("exact_attention, queries alone ") + c10::toString(place.dtype);
  attempt(name, [&] {
    const auto there = [&](const at::Tensor& t) { return t.to(place.dtype).to(place.device).contiguous(); };
    const at::Tensor q = there(inputs[0]), k = there(inputs[1]), v = there(inputs[2]);
    const at::Tensor all = kernels::exact_attention(q, k, v, rows(0, tokens), 1.0 / 16);
    int64_t differing = 0;
    for (int64_t t = 0; t < tokens; ++t) {
      const at::Tensor alone =
          kernels::exact_attention(q.narrow(0, t, 1).contiguous(), k, v, rows(t, 1), 1.0 / 16);
      if (!same_bits(alone, all.narrow(0, t, 1))) ++differing;
    }
    report(name, differing == 0, {{"rowsDiffering", static_cast<double>(differing)}});
  });
}

}  // namespace

void check_exact(const Place& place) {
  check_linear(place);
  check_attention_rows(place);
}

}  // namespace mira::check
