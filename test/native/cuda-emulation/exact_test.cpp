// The batch-invariant kernels against float64, and their promise: a row computed alone has the bits it has in company,
// and keys in a ring give what the same keys in a line give.
#include "native/kernels/cuda/exact_attention.cuh"
#include "native/kernels/cuda/exact_gemm.cuh"
#include "test/native/cuda-emulation/check.h"

namespace test {
namespace {

namespace cuda = mira::kernels::cuda;

template <class S, class Out>
void gemm(int64_t M, int64_t N, int64_t K) {
  const std::string what = std::string(kName<S>) + " to " + kName<Out> + " " + std::to_string(M) + "x" + std::to_string(N) +
                           "x" + std::to_string(K);
  const auto x = random<S>(M * K, 1), w = random<S>(N * K, 2);
  std::vector<double> expected(static_cast<size_t>(M * N), 0);
  for (int64_t m = 0; m < M; ++m)
    for (int64_t n = 0; n < N; ++n)
      for (int64_t k = 0; k < K; ++k) expected[static_cast<size_t>(m * N + n)] += double(widen(x[m * K + k])) * widen(w[n * K + k]);
  const auto all = in_every_order("exact_gemm", what, [&] {
    std::vector<Buffer<Out>> out(1, Buffer<Out>(M * N));
    cuda::exact_gemm(x.data(), w.data(), out[0].data(), M, N, K, nullptr);
    return out;
  });
  report("exact_gemm", what, error(all[0].values(), expected), kTolerance<Out>);
  bool same = true;
  for (int64_t m = 0; m < M; ++m) {
    Buffer<Out> alone(N);
    cuda::exact_gemm(x.data() + m * K, w.data(), alone.data(), 1, N, K, nullptr);
    same = same && std::memcmp(alone.data(), all[0].data() + m * N, static_cast<size_t>(N) * sizeof(Out)) == 0;
  }
  report("exact_gemm", what + ", every row as if alone", same);
}

// Queries that see 1, 2, .. keys up to `most`, keys of query t from row t on.
template <class S>
void attention(int64_t Q, int64_t K, int64_t D, int64_t most) {
  const std::string what = std::string(kName<S>) + " " + std::to_string(Q) + "/" + std::to_string(K) + " heads of " +
                           std::to_string(D) + ", " + std::to_string(most) + " keys";
  const int64_t T = 3, N = most + T, group = Q / K;
  const float scale = 1.f / std::sqrt(static_cast<float>(D));
  const auto q = random<S>(T * Q * D, 1, 2), k = random<S>(N * K * D, 2, 2), v = random<S>(N * K * D, 3);
  std::vector<int32_t> start(T), first(T), count(T);
  std::vector<double> expected(static_cast<size_t>(T * Q * D), 0);
  for (int64_t t = 0; t < T; ++t) {
    start[t] = static_cast<int32_t>(t);
    const int64_t seen = std::max<int64_t>(1, most - 7 * t);
    first[t] = static_cast<int32_t>(t % 2 && seen > 1);
    count[t] = static_cast<int32_t>(seen - first[t]);
    for (int64_t h = 0; h < Q; ++h) {
      const auto row = [&](int64_t j) { return ((start[t] + first[t] + j) * K + h / group) * D; };
      std::vector<double> p(static_cast<size_t>(count[t]));
      double top = -INFINITY, mass = 0;
      for (int64_t j = 0; j < count[t]; ++j) {
        double dot = 0;
        for (int64_t d = 0; d < D; ++d) dot += double(widen(q[(t * Q + h) * D + d])) * widen(k[row(j) + d]);
        top = std::max(top, p[static_cast<size_t>(j)] = dot * scale);
      }
      for (double& x : p) mass += x = std::exp(x - top);
      for (int64_t j = 0; j < count[t]; ++j)
        for (int64_t d = 0; d < D; ++d)
          expected[static_cast<size_t>((t * Q + h) * D + d)] += p[static_cast<size_t>(j)] / mass * widen(v[row(j) + d]);
    }
  }
  const cuda::ExactKeys line{start.data(), first.data(), count.data(), 0};
  const auto found = in_every_order("exact_attention", what, [&] {
    std::vector<Buffer<S>> out(1, Buffer<S>(T * Q * D));
    cuda::exact_attention(q.data(), k.data(), v.data(), line, out[0].data(), T, Q, K, D, scale, nullptr);
    return out;
  });
  report("exact_attention", what, error(found[0].values(), expected), kTolerance<S>);

  bool alone_same = true, ring_same = true;
  for (int64_t t = 0; t < T; ++t) {
    const size_t bytes = static_cast<size_t>(Q * D) * sizeof(S);
    Buffer<S> out(Q * D);
    const cuda::ExactKeys one{&start[t], &first[t], &count[t], 0};
    cuda::exact_attention(q.data() + t * Q * D, k.data(), v.data(), one, out.data(), 1, Q, K, D, scale, nullptr);
    alone_same = alone_same && std::memcmp(out.data(), found[0].data() + t * Q * D, bytes) == 0;
    // The same keys in a ring just large enough, begun somewhere in the middle.
    const int64_t capacity = count[t], turn = capacity / 3;
    Buffer<S> ring_k(capacity * K * D), ring_v(capacity * K * D);
    for (int64_t j = 0; j < capacity; ++j) {
      const int64_t from = (start[t] + first[t] + j) * K * D, to = (turn + j) % capacity * K * D;
      std::copy_n(k.data() + from, K * D, ring_k.data() + to);
      std::copy_n(v.data() + from, K * D, ring_v.data() + to);
    }
    const int32_t zero = 0, turned = static_cast<int32_t>(turn);
    const cuda::ExactKeys ring{&zero, &turned, &count[t], capacity};
    Buffer<S> again(Q * D);
    cuda::exact_attention(q.data() + t * Q * D, ring_k.data(), ring_v.data(), ring, again.data(), 1, Q, K, D, scale, nullptr);
    ring_same = ring_same && std::memcmp(again.data(), found[0].data() + t * Q * D, bytes) == 0;
  }
  report("exact_attention", what + ", every query as if alone", alone_same);
  report("exact_attention", what + ", a ring as a line", ring_same);
}

}  // namespace

void exact() {
  for (const int64_t K : {1, 7, 31, 33, 256}) {
    gemm<float, float>(5, 19, K);
    gemm<Bf16, Bf16>(5, 19, K);
    gemm<Bf16, float>(5, 19, K);
  }
  gemm<Bf16, float>(66, 17, 40);
  gemm<float, float>(0, 17, 40);
  for (const int64_t keys : {1, 2, 31, 32, 33, 70}) {
    attention<float>(4, 2, 20, keys);
    attention<Bf16>(4, 1, 256, keys);
  }
  attention<float>(7, 1, 64, 40);
  attention<Bf16>(6, 2, 33, 40);
}

static const Registered registered{"exact", exact};

}  // namespace test
