// CUDA's device language on a CPU, as far as native/kernels/cuda needs it: a block's threads are fibers of one
// thread of the host, run in an order the test chooses, and switched only where they meet (__syncthreads, warp
// shuffles). Promise: a barrier that not all threads reach, a shuffle whose mask names a lane that is not there,
// and lanes that call different shuffles end the launch with a sentence instead of hanging. Leaves out timing,
// memory spaces, and races between blocks.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <type_traits>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __shared__ static  // blocks run one after another
#define __align__(n) alignas(n)

using std::isfinite;

struct CUstream_st;
typedef struct CUstream_st* cudaStream_t;

struct dim3 { unsigned x = 1, y = 1, z = 1; };

namespace emulation {

enum class Order { kForward, kReverse, kShuffled };  // in which a block's threads run between two barriers
void set_order(Order order);

void launch(unsigned blocks, unsigned threads, size_t shared_bytes, const std::function<void()>& body);
void* dynamic_shared();

const dim3& thread_index();
const dim3& block_index();
const dim3& block_size();
const dim3& grid_size();
void block_barrier();
// Publishes 8 bytes to the warp and returns those of `source`, once every lane of the mask has come.
uint64_t exchange(unsigned mask, uint64_t value, unsigned source);
unsigned ballot(unsigned mask, bool value);

template <class T>
T shuffle(unsigned mask, T value, unsigned source) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= 8);
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  bits = exchange(mask, bits, source);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

}  // namespace emulation

#define threadIdx (::emulation::thread_index())
#define blockIdx (::emulation::block_index())
#define blockDim (::emulation::block_size())
#define gridDim (::emulation::grid_size())

inline void __syncthreads() { emulation::block_barrier(); }
inline void __syncwarp(unsigned mask = 0xffffffffu) { emulation::ballot(mask, true); }
inline unsigned __ballot_sync(unsigned mask, bool value) { return emulation::ballot(mask, value); }
inline int __any_sync(unsigned mask, bool value) { return emulation::ballot(mask, value) != 0; }
inline int __all_sync(unsigned mask, bool value) { return emulation::ballot(mask, value) == mask; }
template <class T>
T __shfl_sync(unsigned mask, T value, int source) {
  return emulation::shuffle(mask, value, static_cast<unsigned>(source) % 32);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lanes) {
  return emulation::shuffle(mask, value, (threadIdx.x % 32) ^ static_cast<unsigned>(lanes));
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned by) {
  const unsigned lane = threadIdx.x % 32;
  return emulation::shuffle(mask, value, lane < by ? lane : lane - by);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned by) {
  const unsigned lane = threadIdx.x % 32;
  return emulation::shuffle(mask, value, lane + by > 31 ? lane : lane + by);
}

// One fiber runs at a time, so read-modify-write is atomic; as on a GPU, the order is the scheduler's.
template <class T>
T atomicAdd(T* at, std::type_identity_t<T> value) {
  const T before = *at;
  *at = before + value;
  return before;
}
template <class T>
T atomicMin(T* at, std::type_identity_t<T> value) {
  const T before = *at;
  if (value < before) *at = value;
  return before;
}
template <class T>
T atomicMax(T* at, std::type_identity_t<T> value) {
  const T before = *at;
  if (value > before) *at = value;
  return before;
}

inline unsigned __float_as_uint(float x) {
  unsigned u;
  std::memcpy(&u, &x, sizeof u);
  return u;
}
inline float __uint_as_float(unsigned u) {
  float x;
  std::memcpy(&x, &u, sizeof x);
  return x;
}
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  return static_cast<unsigned long long>((static_cast<unsigned __int128>(a) * b) >> 64);
}
inline int __popc(unsigned x) { return __builtin_popcount(x); }
