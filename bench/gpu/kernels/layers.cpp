// The row kernels of a decoder layer against float64: RMSNorm and its seams, QK-norm with RoPE, GeGLU; at
// 12B's widths and at row counts around the sizes of blocks.
#include "bench/gpu/kernels/check.h"
#include "native/kernels/geglu.h"
#include "native/kernels/qk_norm_rope.h"
#include "native/kernels/rms_norm.h"

namespace mira::check {
namespace {

constexpr double kEps = 1e-6;
constexpr int64_t kHeads = 16, kKvHeads = 8, kDim = 256;

at::Tensor rms(const at::Tensor& x, const at::Tensor& w) {
  return x * at::rsqrt(x.square().mean(-1, true) + kEps) * (1 + w);
}

at::Tensor rotated(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
  const auto halves = x.chunk(2, -1);
  return at::cat({halves[0] * cos - halves[1] * sin, halves[1] * cos + halves[0] * sin}, -1);
}

Tensors rope_reference(const Tensors& in, const at::Tensor& pos, const kernels::RopeTable& table) {
  const int64_t T = in[0].size(0);
  const auto parts =
      in[0].view({T, kHeads + 2 * kKvHeads, kDim}).split_with_sizes({kHeads, kKvHeads, kKvHeads}, 1);
  const auto rows = [&](const at::Tensor& t) {
    return t.to(at::kDouble).index_select(0, pos.to(at::kLong)).unsqueeze(1);
  };
  const at::Tensor cos = rows(table.cos_PD2), sin = rows(table.sin_PD2);
  return {rotated(rms(parts[0], in[1]), cos, sin), rotated(rms(parts[1], in[2]), cos, sin),
          parts[2].contiguous()};
}

void check_norms(const Place& place, int64_t rows, int64_t width) {
  const std::string size = std::to_string(rows) + "x" + std::to_string(width);
  const at::Tensor x = normal({rows, width}, 1), r = normal({rows, width}, 2), w = 0.3 * normal({width}, 3),
                   v = 0.3 * normal({width}, 4);
  compare(
      "rms_norm " + size, place, {x, w},
      [](const Tensors& in) { return Tensors{kernels::rms_norm(in[0], in[1], kEps)}; },
      [](const Tensors& in) { return Tensors{rms(in[0], in[1])}; });
  compare(
      "rms_norm_add " + size, place, {r, x, w},
      [](const Tensors& in) { return Tensors{kernels::rms_norm_add(in[0], in[1], in[2], kEps)}; },
      [](const Tensors& in) { return Tensors{in[0] + rms(in[1], in[2])}; });
  compare(
      "add_rms_norm " + size, place, {r, x, w, v},
      [](const Tensors& in) {
        auto [h, y] = kernels::add_rms_norm(in[0], in[1], in[2], in[3], kEps);
        return Tensors{h, y};
      },
      [](const Tensors& in) {
        const at::Tensor h = in[0] + rms(in[1], in[2]);
        return Tensors{h, rms(h, in[3])};
      });
}

void check_rope(const Place& place, int64_t rows) {
  const auto table = kernels::make_rope_table(4096, kDim, 1e6, 8, place.device);
  const auto table_cpu = kernels::make_rope_table(4096, kDim, 1e6, 8);
  const at::Tensor pos = at::arange(4096 - rows, 4096, at::kInt), on_device = pos.to(place.device);
  const Tensors inputs{normal({rows, (kHeads + 2 * kKvHeads) * kDim}, 5), 0.3 * normal({kDim}, 6),
                       0.3 * normal({kDim}, 7)};
  compare(
      "qk_norm_rope " + std::to_string(rows), place, inputs,
      [&](const Tensors& in) {
        auto [q, k, v] = kernels::qk_norm_rope(in[0], in[1], in[2], on_device, table, kHeads, kKvHeads, kEps);
        return Tensors{q, k, v};
      },
      [&](const Tensors& in) { return rope_reference(in, pos, table_cpu); });
  // Into caches: rows in reverse, one left out as padding.
  const int64_t cache_rows = rows + 3;
  at::Tensor target = at::arange(cache_rows - 1, cache_rows - 1 - rows, -1, at::kLong);
  if (rows > 1) target[0] = -1;
  compare(
      "qk_norm_rope into a cache " + std::to_string(rows), place, inputs,
      [&](const Tensors& in) {
        at::Tensor k = at::zeros({cache_rows, kKvHeads, kDim}, in[0].options()), v = at::zeros_like(k);
        at::Tensor q = kernels::qk_norm_rope_kv_forward(in[0], in[1], in[2], on_device, table, kHeads,
                                                        kKvHeads, kEps, k, v, target.to(place.device));
        return Tensors{q, k, v};
      },
      [&](const Tensors& in) {
        const Tensors fresh = rope_reference(in, pos, table_cpu);
        at::Tensor k = at::zeros({cache_rows, kKvHeads, kDim}, at::kDouble), v = at::zeros_like(k);
        const at::Tensor kept = at::nonzero(target >= 0).squeeze(1), to = target.index_select(0, kept);
        k.index_copy_(0, to, fresh[1].index_select(0, kept));
        v.index_copy_(0, to, fresh[2].index_select(0, kept));
        return Tensors{fresh[0], k, v};
      },
      {.backward = false});
}

}  // namespace

void check_layers(const Place& place) {
  for (const int64_t rows : {1, 7, 33}) check_norms(place, rows, 3840);
  check_norms(place, 257, 1152);
  for (const int64_t rows : {1, 31, 257}) check_rope(place, rows);
  for (const int64_t rows : {1, 33})
    compare(
        "geglu " + std::to_string(rows) + "x15360", place, {normal({rows, 2 * 15360}, 8)},
        [](const Tensors& in) { return Tensors{kernels::geglu(in[0])}; },
        [](const Tensors& in) {
          const auto parts = in[0].chunk(2, -1);
          return Tensors{at::gelu(parts[0], "tanh") * parts[1]};
        });
}

}  // namespace mira::check
