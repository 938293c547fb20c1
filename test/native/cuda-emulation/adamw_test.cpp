// AdamW kernels over several steps: the bits of plain loops over the shared elements (adamw_update.h,
// stochastic_rounding.h, moment_code.h), which the CPU twins are too, and float64 AdamW within a bound.
#include "native/kernels/cuda/adamw.cuh"
#include "native/kernels/moment_code.h"
#include "native/kernels/split_float.h"
#include "test/native/cuda-emulation/check.h"

namespace test {
namespace {

namespace cuda = mira::kernels::cuda;
using namespace mira::kernels;

constexpr int kSteps = 3;
AdamWScalars scalars(int step) { return {1e-2, 0.9, 0.95, 1e-8, 0.1, 0.5, step}; }

template <class T>
Buffer<T> zeros(int64_t n, int64_t shift) {
  Buffer<T> b(n, shift);
  for (int64_t i = 0; i < n; ++i) b[i] = T{};
  return b;
}

template <class G>
void float32(int64_t n, int64_t shift) {
  const std::string what = std::string(kName<G>) + " gradient, " + std::to_string(n) + (shift ? " unaligned" : "");
  const auto start = random<float>(n, 1, 1, shift);
  const auto out = in_every_order("adamw", what, [&] {
    std::vector<Buffer<float>> o{start, zeros<float>(n, shift), zeros<float>(n, shift)};
    for (int step = 1; step <= kSteps; ++step) {
      const auto g = random<G>(n, static_cast<unsigned>(10 + step), 1, shift);
      cuda::adamw(o[0].data(), o[1].data(), o[2].data(), g.data(), n, adamw_factors(scalars(step)), nullptr);
    }
    return o;
  });
  std::vector<double> p = start.values(), m(p.size()), v(p.size());
  for (int step = 1; step <= kSteps; ++step) {
    const auto g = random<G>(n, static_cast<unsigned>(10 + step), 1, shift).values();
    const AdamWScalars s = scalars(step);
    for (size_t i = 0; i < p.size(); ++i) {
      const double grad = g[i] * s.grad_scale;
      m[i] = s.beta1 * m[i] + (1 - s.beta1) * grad;
      v[i] = s.beta2 * v[i] + (1 - s.beta2) * grad * grad;
      p[i] = p[i] * (1 - s.lr * s.weight_decay) -
             s.lr * m[i] / (1 - std::pow(s.beta1, step)) / (std::sqrt(v[i] / (1 - std::pow(s.beta2, step))) + s.eps);
    }
  }
  report("adamw", what + " p", error(out[0].values(), p), 1e-5);
  report("adamw", what + " m", error(out[1].values(), m), 1e-5);
  report("adamw", what + " v", error(out[2].values(), v), 1e-5);
}

// State of the reduced storages; what a storage does not use stays empty.
struct State {
  Buffer<uint16_t> p, low, m, v;
  Buffer<int8_t> m8;
  Buffer<uint8_t> v8;
  Buffer<float> m_scale, v_scale;
  State(int64_t n, int64_t shift)
      : p(n, shift), low(zeros<uint16_t>(n, shift)), m(zeros<uint16_t>(n, shift)), v(zeros<uint16_t>(n, shift)),
        m8(zeros<int8_t>(n, shift)), v8(zeros<uint8_t>(n, shift)), m_scale(zeros<float>((n + 255) / 256, 0)),
        v_scale(zeros<float>((n + 255) / 256, 0)) {
    const auto start = random<Bf16>(n, 1);
    for (int64_t i = 0; i < n; ++i) p[i] = start[i].bits;
  }
  bool same_bits(const State& o) const {
    return p.same_bits(o.p) && low.same_bits(o.low) && m.same_bits(o.m) && v.same_bits(o.v) && m8.same_bits(o.m8) &&
           v8.same_bits(o.v8) && m_scale.same_bits(o.m_scale) && v_scale.same_bits(o.v_scale);
  }
  bool guards_hold() const {
    return p.guards_hold() && low.guards_hold() && m.guards_hold() && v.guards_hold() && m8.guards_hold() &&
           v8.guards_hold() && m_scale.guards_hold() && v_scale.guards_hold();
  }
};

template <class G>
void element_wise(State& s, const Buffer<G>& g, const AdamWFactors& f, const RoundingKey& key, bool split) {
  for (int64_t i = 0; i < s.p.size(); ++i) {
    const RoundingBits bits = rounding_bits(key, static_cast<uint32_t>(i / kRoundingGroup));
    const int e = static_cast<int>(i % kRoundingGroup);
    float p = split ? join_float({s.p[i], s.low[i]}) : bf16_float(s.p[i]);
    float m = bf16_float(s.m[i]), v = bf16_float(s.v[i]);
    adamw_element(p, m, v, widen(g[i]), f);
    s.p[i] = split ? split_float(p).high : stochastic_bf16(p, bits.weight(e));
    if (split) s.low[i] = split_float(p).low;
    s.m[i] = stochastic_bf16(m, bits.first(e));
    s.v[i] = stochastic_bf16(v, bits.second(e));
  }
}

template <class G>
void block_wise(State& s, const Buffer<G>& g, const AdamWFactors& f, const RoundingKey& key) {
  for (int64_t b = 0; b < s.m_scale.size(); ++b) {
    const int64_t from = b * kMomentBlock, to = std::min(s.p.size(), from + kMomentBlock);
    std::vector<float> m(kMomentBlock), v(kMomentBlock);
    float top_m = 0, top_v = 0;
    for (int64_t i = from; i < to; ++i) {
      const size_t j = static_cast<size_t>(i - from);
      float p = bf16_float(s.p[i]);
      m[j] = decode_first(s.m8[i], s.m_scale[b]);
      v[j] = decode_second(s.v8[i], s.v_scale[b]);
      adamw_element(p, m[j], v[j], widen(g[i]), f);
      s.p[i] = stochastic_bf16(p, rounding_bits(key, static_cast<uint32_t>(i / kRoundingGroup)).weight(static_cast<int>(i % kRoundingGroup)));
      top_m = std::max(top_m, std::fabs(m[j]));
      top_v = std::max(top_v, v[j]);
    }
    for (int64_t i = from; i < to; ++i) {
      const RoundingBits bits = rounding_bits(key, static_cast<uint32_t>(i / kRoundingGroup));
      const int e = static_cast<int>(i % kRoundingGroup);
      s.m8[i] = encode_first(m[static_cast<size_t>(i - from)], top_m, bits.first(e));
      s.v8[i] = encode_second(v[static_cast<size_t>(i - from)], top_v, bits.second(e));
    }
    s.m_scale[b] = top_m;
    s.v_scale[b] = top_v;
  }
}

template <class G>
void reduced(int64_t n, int64_t shift) {
  for (const std::string kind : {"stochastic", "split", "int8"}) {
    const std::string kernel = "adamw_" + kind, what = std::string(kName<G>) + " gradient, " + std::to_string(n) + (shift ? " unaligned" : "");
    State expected(n, shift);
    const auto step_of = [&](State& s, int step, bool on_device) {
      const auto g = random<G>(n, static_cast<unsigned>(10 + step), 1, shift);
      const AdamWFactors f = adamw_factors(scalars(step));
      const RoundingKey key{0x123456789abcdefull, 7, static_cast<uint32_t>(step)};
      if (!on_device) kind == "int8" ? block_wise(s, g, f, key) : element_wise(s, g, f, key, kind == "split");
      else if (kind == "stochastic")
        cuda::adamw_stochastic(s.p.data(), s.m.data(), s.v.data(), g.data(), n, f, key, nullptr);
      else if (kind == "split")
        cuda::adamw_split(s.p.data(), s.low.data(), s.m.data(), s.v.data(), g.data(), n, f, key, nullptr);
      else
        cuda::adamw_int8(s.p.data(), s.m8.data(), s.v8.data(), s.m_scale.data(), s.v_scale.data(), g.data(), n, f, key, nullptr);
    };
    for (int step = 1; step <= kSteps; ++step) step_of(expected, step, false);
    const auto out = in_every_order(kernel, what, [&] {
      std::vector<State> s(1, State(n, shift));
      for (int step = 1; step <= kSteps; ++step) step_of(s[0], step, true);
      return s;
    });
    report(kernel, what + " same bits as the shared elements in a loop", out[0].same_bits(expected));
    report(kernel, what + " moves", n == 0 || !out[0].p.same_bits(State(n, shift).p));
  }
}

void adamw() {
  for (const int64_t n : {0, 1, 7, 8, 31, 255, 256, 257, 4099}) {
    float32<float>(n, 0);
    reduced<Bf16>(n, 0);
  }
  float32<Bf16>(513, 0);
  float32<float>(100, 1);
  reduced<float>(513, 0);
  reduced<Bf16>(300, 1);
}

const Registered registered{"adamw", adamw};

}  // namespace
}  // namespace test
