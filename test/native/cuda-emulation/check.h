// What the tests of the emulated kernels share: buffers with guarded ends, random contents, float64 comparison, and
// one JSON line per case on standard output for test/native/cuda-kernels.test.ts to judge.
#pragma once
#include <cuda_runtime.h>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>
#include "native/kernels/cuda/types.h"

namespace test {

using mira::kernels::cuda::Bf16;

inline double widen(double x) { return x; }
inline float widen(float x) { return x; }
inline float widen(Bf16 x) { return __uint_as_float(static_cast<unsigned>(x.bits) << 16); }
template <class S>
S narrow(float x);
template <>
inline float narrow<float>(float x) { return x; }
template <>
inline Bf16 narrow<Bf16>(float x) {
  const unsigned u = __float_as_uint(x);
  return {static_cast<uint16_t>((u + 0x7fffu + ((u >> 16) & 1u)) >> 16)};
}

// n elements between two guards whose bytes must not change; 16-byte aligned unless `shift` elements are asked for.
// Starts as 0xff bytes: NaN as float32 and as bfloat16, so that an element nobody wrote is found.
template <class S>
class Buffer {
 public:
  explicit Buffer(int64_t n, int64_t shift = 0)
      : size_(n), shift_(shift), bytes_(static_cast<size_t>(n + shift) * sizeof(S) + 2 * kGuard + 16, 0xff) {
    const auto at = reinterpret_cast<uintptr_t>(bytes_.data()) + kGuard;
    first_ = reinterpret_cast<S*>((at + 15) / 16 * 16) + shift;
    before_.assign(bytes_.begin(), bytes_.end());
  }
  Buffer(const Buffer& from) : Buffer(from.size_, from.shift_) { std::copy_n(from.first_, size_, first_); }
  Buffer& operator=(const Buffer&) = delete;

  S* data() { return first_; }
  const S* data() const { return first_; }
  int64_t size() const { return size_; }
  S& operator[](int64_t i) { return first_[i]; }
  const S& operator[](int64_t i) const { return first_[i]; }
  bool guards_hold() const {
    const auto* begin = reinterpret_cast<const unsigned char*>(first_);
    const size_t low = static_cast<size_t>(begin - bytes_.data()), high = low + static_cast<size_t>(size_) * sizeof(S);
    return std::equal(bytes_.begin(), bytes_.begin() + static_cast<long>(low), before_.begin()) &&
           std::equal(bytes_.begin() + static_cast<long>(high), bytes_.end(), before_.begin() + static_cast<long>(high));
  }
  std::vector<double> values() const {
    std::vector<double> v(static_cast<size_t>(size_));
    for (int64_t i = 0; i < size_; ++i) v[static_cast<size_t>(i)] = widen(first_[i]);
    return v;
  }
  bool same_bits(const Buffer& o) const { return std::memcmp(first_, o.first_, static_cast<size_t>(size_) * sizeof(S)) == 0; }

 private:
  static constexpr size_t kGuard = 64;
  int64_t size_, shift_;
  std::vector<unsigned char> bytes_, before_;
  S* first_;
};

template <class S>
Buffer<S> random(int64_t n, unsigned seed, double spread = 1, int64_t shift = 0) {
  Buffer<S> b(n, shift);
  std::mt19937 engine(seed);
  std::normal_distribution<float> normal(0, static_cast<float>(spread));
  for (int64_t i = 0; i < n; ++i) b[i] = narrow<S>(normal(engine));
  return b;
}

template <class S>
inline constexpr double kTolerance = sizeof(S) == 4 ? 1e-5 : 1e-2;
template <class S>
inline const char* kName = sizeof(S) == 4 ? "float32" : "bfloat16";

// Largest |a - b| beside the largest |b|; infinity when anything is not finite.
inline double error(const std::vector<double>& found, const std::vector<double>& expected) {
  if (found.size() != expected.size()) return INFINITY;
  double worst = 0, scale = 1e-30;
  for (size_t i = 0; i < found.size(); ++i) {
    if (!std::isfinite(found[i])) return INFINITY;
    worst = std::max(worst, std::abs(found[i] - expected[i]));
    scale = std::max(scale, std::abs(expected[i]));
  }
  return found.empty() ? 0 : worst / scale;
}

// One case: found beside bound.
void report(const std::string& kernel, const std::string& what, double found, double bound);
inline void report(const std::string& kernel, const std::string& what, bool holds) {
  report(kernel, what, holds ? 0 : 1, 0);
}

// Runs f(), which returns what a kernel wrote, once for each order of threads: the bits must not differ. A barrier
// that is missing shows here. Returns the first result.
template <class F>
auto in_every_order(const std::string& kernel, const std::string& what, F&& f) {
  emulation::set_order(emulation::Order::kForward);
  auto first = f();
  bool same = true, guarded = true;
  for (auto order : {emulation::Order::kReverse, emulation::Order::kShuffled}) {
    emulation::set_order(order);
    const auto other = f();
    for (size_t i = 0; i < first.size(); ++i) same = same && first[i].same_bits(other[i]);
  }
  for (const auto& b : first) guarded = guarded && b.guards_hold();
  emulation::set_order(emulation::Order::kForward);
  report(kernel, what + ", any order of threads", same);
  report(kernel, what + ", writes stay inside", guarded);
  return first;
}

// Makes a test known to main.cpp: `static const test::Registered registered{"rms_norm", test::rms_norm};`
struct Registered { Registered(const char* name, void (*run)()); };

}  // namespace test
