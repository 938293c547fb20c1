// The sampling kernel; see sampler.cuh. One block per row.
//
// Weights are integers, floor(exp((logit - peak) / T) 2^44), so that sums have no order and atomics no race. The
// least prefix of the tokens, heaviest first, that reaches a count (top-k) or a mass (top-p) is found by histograms:
// first over the distance from the peak, which spreads a vocabulary over many buckets, then over the bits of the
// logit within one bucket. Among equal logits lower ids come first. The token itself is the first id at which the
// cumulative kept weight passes u times their total.
#include "native/kernels/cuda/sampler.cuh"
#include "native/kernels/cuda/row_mass.cuh"
#include "native/kernels/philox.h"

namespace mira::kernels::cuda {
namespace {

using Count = unsigned long long;
constexpr unsigned kBuckets = 2 * kRowThreads;
constexpr float kBucketsPerNat = 64.f;
constexpr float kUnit = 17592186044416.f;  // 2^44

// Order of floats as unsigned numbers.
__device__ unsigned key_of(float x) {
  const unsigned u = __float_as_uint(x == 0.f ? 0.f : x);  // -0 and 0 are one logit
  return (u & 0x80000000u) ? ~u : u | 0x80000000u;
}

struct Row {
  const float* logits;
  int64_t V;
  float peak, scale;

  __device__ Count weight(int64_t i) const {
    return static_cast<Count>(expf((logits[i] - peak) * scale) * kUnit);
  }
  __device__ unsigned bucket(int64_t i) const {
    return static_cast<unsigned>(fminf((peak - logits[i]) * kBucketsPerNat, static_cast<float>(kBuckets - 1)));
  }
};

// Tokens up to a place in the order heaviest first, lower ids first among equals.
struct Cut {
  unsigned key = 0;           // nothing lighter
  int64_t id = int64_t{1} << 62;  // of that very key, no id beyond
  __device__ bool holds(const Row& row, int64_t i) const {
    const unsigned k = key_of(row.logits[i]);
    return k > key || (k == key && i <= id);
  }
};

// Sum of `mine` over the threads before this one, and over all.
__device__ Count scan(Count mine, Count& total) {
  __shared__ Count parts[kWarp];
  Count sum = mine;
  const unsigned lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
#pragma unroll
  for (unsigned by = 1; by < kWarp; by *= 2) {
    const Count other = __shfl_up_sync(kAllLanes, sum, by);
    if (lane >= by) sum += other;
  }
  __syncthreads();
  if (lane == kWarp - 1) parts[warp] = sum;
  __syncthreads();
  Count before = 0;
  total = 0;
  for (unsigned i = 0; i < kRowThreads / kWarp; ++i) {
    if (i < warp) before += parts[i];
    total += parts[i];
  }
  return before + sum - mine;
}

// The first id in order of ids at which the running sum of f passes pick(sum of all), or -1.
template <class F, class Pick>
__device__ int64_t locate(int64_t V, F&& f, Pick&& pick) {
  constexpr unsigned kParts = kRowThreads / kWarp;
  __shared__ Count parts[kParts];
  const unsigned lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  int64_t begin = 0, end = V;
  Count target = 0;
  for (bool first = true; first || end - begin > kWarp; first = false) {
    // Each warp sums one part; the part in which the sum passes is the next range.
    const int64_t width = divide_up(divide_up(end - begin, kParts), kWarp) * kWarp;
    const int64_t from = begin + warp * width, to = from + width < end ? from + width : end;
    Count mine = 0;
    for (int64_t i = from + lane; i < to; i += kWarp) mine += f(i);
    mine = warp_sum(mine);
    __syncthreads();
    if (lane == 0) parts[warp] = mine;
    __syncthreads();
    if (first) {
      Count total = 0;
      for (unsigned i = 0; i < kParts; ++i) total += parts[i];
      target = pick(total);
      if (target >= total) return -1;
    }
    unsigned part = 0;
    while (part + 1 < kParts && parts[part] <= target) target -= parts[part++];
    begin += part * width;
    end = begin + width < end ? begin + width : end;
  }
  __syncthreads();
  if (warp == 0) parts[lane] = begin + lane < end ? f(begin + lane) : 0;
  __syncthreads();
  int64_t at = begin;
  for (unsigned i = 0; i + 1 < kWarp && parts[i] <= target; ++i, ++at) target -= parts[i];
  return at;
}

// The least cut within `within` whose tokens' sum of `weight` reaches `target`, 1 <= target <= that of all.
template <class W>
__device__ Cut select(const Row& row, const Cut& within, Count target, W&& weight) {
  __shared__ Count histogram[kBuckets];
  __shared__ unsigned found;
  __shared__ Count found_before;
  Count before = 0;       // weight of everything heavier than what is still in question
  unsigned bucket = 0, prefix = 0;
  // Round 0: by distance. Rounds 1 to 3: by 11, 11 and 10 bits of the key.
  for (int round = 0; round < 4; ++round) {
    const int low = round == 1 ? 21 : round == 2 ? 10 : 0, digits = round == 3 ? 10 : 11;
    __syncthreads();
    for (unsigned b = threadIdx.x; b < kBuckets; b += kRowThreads) histogram[b] = 0;
    if (threadIdx.x == 0) found = kBuckets;
    __syncthreads();
    for (int64_t i = threadIdx.x; i < row.V; i += kRowThreads) {
      const unsigned at = row.bucket(i), key = key_of(row.logits[i]);
      if (round > 0 && (at != bucket || (round > 1 && (key >> (low + digits)) != prefix))) continue;
      // Buckets in falling order of logits. The last one, where most of a vocabulary may lie, is what is left over.
      const unsigned to = round == 0 ? at : ((1u << digits) - 1) - ((key >> low) & ((1u << digits) - 1));
      if (round == 0 && to == kBuckets - 1) continue;
      if (!within.holds(row, i)) continue;
      const Count w = weight(i);
      if (w > 0) atomicAdd(&histogram[to], w);
    }
    __syncthreads();
    const Count first = histogram[2 * threadIdx.x], second = histogram[2 * threadIdx.x + 1];
    Count total = 0;
    const Count above = before + scan(first + second, total);
    if (above < target && target <= above + first) {
      found = 2 * threadIdx.x;
      found_before = above;
    } else if (above + first < target && target <= above + first + second) {
      found = 2 * threadIdx.x + 1;
      found_before = above + first;
    }
    __syncthreads();
    if (found == kBuckets) {  // only round 0 leaves something out
      bucket = kBuckets - 1;
      before += total;
    } else if (round == 0) {
      bucket = found;
      before = found_before;
    } else {
      prefix = (round == 1 ? 0u : prefix << digits) | (((1u << digits) - 1) - found);
      before = found_before;
    }
  }
  // All that is left has one key, hence one weight: the first `need` of it by id.
  const auto equal = [&](int64_t i) -> Count { return key_of(row.logits[i]) == prefix && within.holds(row, i) ? 1 : 0; };
  const int64_t any = locate(row.V, equal, [](Count) -> Count { return 0; });
  const Count each = any < 0 ? 1 : weight(any), need = (target - before + each - 1) / each;
  Cut cut;
  cut.key = prefix;
  cut.id = locate(row.V, equal, [&](Count total) -> Count { return (need < total ? need : total) - 1; });
  return cut;
}

// 53 bits for the token at `position` of the sequence with `seed`: native/core/philox.h, philox_uniform.
__device__ Count uniform_bits(Count seed, Count position) {
  const PhiloxWords r = philox4x32({{static_cast<uint32_t>(position), static_cast<uint32_t>(position >> 32), 0, 0}},
                                   static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32));
  return (static_cast<Count>(r.w[0]) << 21) ^ (static_cast<Count>(r.w[1]) >> 11);
}

template <bool kAligned>
__global__ void __launch_bounds__(kRowThreads) sample_kernel(const float* logits, SamplerRows s, int64_t V) {
  const int64_t r = blockIdx.x;
  const bool greedy = s.temperature[r] == 0.0;
  const double scale = greedy ? 1.0 : 1.0 / s.temperature[r], top_p = s.top_p[r];
  const int64_t top_k = s.top_k[r];
  const Count seed = static_cast<Count>(s.seed[r]), position = static_cast<Count>(s.position[r]);
  const RowMass of = row_mass<kAligned>(logits + r * V, V, static_cast<float>(scale));
  const Row row{logits + r * V, V, of.peak, static_cast<float>(scale)};
  const auto result = [&](int64_t id, double kept) {
    if (threadIdx.x != 0) return;
    s.id[r] = static_cast<int32_t>(id);
    s.logprob[r] = id < 0 ? 0.f : row_logprob(row.logits[id], of.peak, of.mass, scale);
    s.sampling_logprob[r] = id < 0 || greedy ? 0.f : fminf(0.f, row_logprob(row.logits[id], of.peak, kept, scale));
  };
  if (!of.finite) return result(-1, 1);
  if (greedy) {
    const auto is_peak = [&](int64_t i) -> Count { return row.logits[i] == of.peak ? 1 : 0; };
    return result(locate(V, is_peak, [](Count) -> Count { return 0; }), 1);
  }
  Cut cut;
  const auto kept_weight = [&](int64_t i) -> Count { return cut.holds(row, i) ? row.weight(i) : 0; };
  const bool by_count = top_k > 0 && top_k < V, by_mass = top_p < 1.0;
  if (by_count) cut = select(row, cut, static_cast<Count>(top_k), [](int64_t) -> Count { return 1; });
  if (by_mass) {
    Count mine = 0, total = 0;
    for (int64_t i = threadIdx.x; i < V; i += kRowThreads) mine += kept_weight(i);
    scan(mine, total);
    const double wanted = ceil(top_p * static_cast<double>(total));
    Count target = wanted < 1.0 ? 1 : static_cast<Count>(wanted);
    target = target < total ? target : total;
    cut = select(row, Cut(cut), target, [&](int64_t i) { return row.weight(i); });
  }
  Count kept = 0;
  const Count bits = uniform_bits(seed, position);
  const int64_t id = locate(V, kept_weight, [&](Count total) {
    kept = total;
    return __umul64hi(total, bits << 11);
  });
  result(id, by_count || by_mass ? static_cast<double>(kept) / static_cast<double>(kUnit) : of.mass);
}

}  // namespace

void sample(const float* logits, const SamplerRows& rows, int64_t n, int64_t V, cudaStream_t stream) {
  if (V < 1 || V > kMostVocab)
    throw std::invalid_argument("sample: expected 1 to 524288 logits in a row, got " + std::to_string(V) + ".");
  const auto kernel = packed_rows<float>(V, logits) ? sample_kernel<true> : sample_kernel<false>;
  launch(kernel, n, kRowThreads, 0, stream, logits, rows, V);
}

}  // namespace mira::kernels::cuda
