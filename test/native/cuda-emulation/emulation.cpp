// The scheduler of the emulated blocks; see cuda_runtime.h. Every thread of a block is a ucontext fiber that
// runs until it waits or ends; when nobody can run, the barriers that are complete are opened.
#include <cuda_runtime.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <algorithm>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>
#undef threadIdx
#undef blockIdx
#undef blockDim
#undef gridDim

namespace emulation {
namespace {

constexpr size_t kStack = 128 * 1024;
enum class State { kReady, kAtBlock, kAtWarp, kDone };

struct Fiber {
  ucontext_t context{};
  dim3 index;
  State state = State::kReady;
  unsigned mask = 0;     // of the warp operation it waits in
  unsigned long ops = 0; // warp operations so far: picks the half of the exchange buffer
};

struct Warp { uint64_t slots[2][32] = {}; };

struct Block {
  std::vector<std::unique_ptr<Fiber>> fibers;
  std::vector<Warp> warps;
  std::vector<unsigned char> shared;
  dim3 index, size, grid;
  const std::function<void()>* body = nullptr;
  std::exception_ptr error;
} block;

Fiber* running = nullptr;
ucontext_t scheduler;
Order order = Order::kForward;
std::mt19937 shuffler(20260321);

char* stacks(size_t fibers) {
  static size_t held = 0;
  static char* memory = nullptr;
  if (fibers > held) {
    if (memory) munmap(memory, held * kStack);
    memory = static_cast<char*>(mmap(nullptr, fibers * kStack, PROT_READ | PROT_WRITE,
                                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    if (memory == MAP_FAILED) throw std::runtime_error("emulation: no memory for the stacks of a block");
    held = fibers;
  }
  return memory;
}

void enter() {
  try {
    (*block.body)();
  } catch (...) {
    block.error = std::current_exception();
  }
  running->state = State::kDone;
}

void wait(State state) {
  Fiber* self = running;
  self->state = state;
  swapcontext(&self->context, &scheduler);
}

[[noreturn]] void stuck(const char* why) {
  std::string states;
  for (const auto& f : block.fibers) states += "R|w."[static_cast<int>(f->state)];
  throw std::runtime_error(std::string("emulation: ") + why + " in block " + std::to_string(block.index.x) +
                           "; threads (| at the block's barrier, w in a warp operation, . ended): " + states);
}

// Opens the barriers that are complete; false when there is none.
bool open_barriers() {
  bool opened = false;
  for (size_t first = 0; first < block.fibers.size(); first += 32) {
    const size_t last = std::min(block.fibers.size(), first + 32);
    unsigned waiting = 0, mask = 0;
    for (size_t i = first; i < last; ++i)
      if (block.fibers[i]->state == State::kAtWarp) {
        waiting |= 1u << (i - first);
        mask = block.fibers[i]->mask;
      }
    if (!waiting) continue;
    for (size_t i = first; i < last; ++i)
      if (block.fibers[i]->state == State::kAtWarp && block.fibers[i]->mask != mask)
        stuck("lanes of one warp operation give different masks");
    if ((waiting & mask) != mask) continue;
    if (waiting != mask) stuck("a lane takes part in a warp operation whose mask leaves it out");
    for (size_t i = first; i < last; ++i)
      if (block.fibers[i]->state == State::kAtWarp) block.fibers[i]->state = State::kReady;
    opened = true;
  }
  if (opened) return true;
  for (const auto& f : block.fibers)
    if (f->state != State::kAtBlock) return false;
  for (const auto& f : block.fibers) f->state = State::kReady;
  return true;
}

void run_block() {
  const size_t threads = block.fibers.size();
  std::vector<size_t> turn(threads);
  for (size_t i = 0; i < threads; ++i) turn[i] = order == Order::kReverse ? threads - 1 - i : i;
  char* memory = stacks(threads);
  for (size_t i = 0; i < threads; ++i) {
    Fiber& f = *block.fibers[i];
    getcontext(&f.context);
    f.context.uc_stack.ss_sp = memory + i * kStack;
    f.context.uc_stack.ss_size = kStack;
    f.context.uc_link = &scheduler;
    f.state = State::kReady;
    f.ops = 0;
    makecontext(&f.context, enter, 0);
  }
  for (;;) {
    bool done = true;
    if (order == Order::kShuffled) std::shuffle(turn.begin(), turn.end(), shuffler);
    for (size_t i : turn) {
      Fiber& f = *block.fibers[i];
      if (f.state == State::kDone) continue;
      done = false;
      if (f.state != State::kReady) continue;
      running = &f;
      swapcontext(&scheduler, &f.context);
    }
    if (block.error) std::rethrow_exception(block.error);
    if (done) return;
    const bool ready = std::any_of(block.fibers.begin(), block.fibers.end(),
                                   [](const auto& f) { return f->state == State::kReady; });
    const bool ended = std::all_of(block.fibers.begin(), block.fibers.end(),
                                   [](const auto& f) { return f->state == State::kDone; });
    if (!ready && !ended && !open_barriers()) stuck("threads wait for others that never come");
  }
}

}  // namespace

void set_order(Order o) { order = o; }

void launch(unsigned blocks, unsigned threads, size_t shared_bytes, const std::function<void()>& body) {
  if (threads == 0 || threads > 1024) throw std::runtime_error("emulation: expected 1 to 1024 threads per block");
  if (shared_bytes > 227 * 1024) throw std::runtime_error("emulation: more shared memory than a block can have");
  block.fibers.clear();
  for (unsigned i = 0; i < threads; ++i) {
    block.fibers.push_back(std::make_unique<Fiber>());
    block.fibers.back()->index = {i, 0, 0};
  }
  block.warps.assign((threads + 31) / 32, {});
  block.size = {threads, 1, 1};
  block.grid = {blocks, 1, 1};
  block.body = &body;
  block.error = nullptr;
  for (unsigned b = 0; b < blocks; ++b) {
    // Garbage on purpose, a NaN in every float: shared memory starts undefined.
    block.shared.assign(shared_bytes + 16, 0xff);
    block.index = {b, 0, 0};
    run_block();
  }
}

void* dynamic_shared() {
  const auto at = reinterpret_cast<uintptr_t>(block.shared.data());
  return reinterpret_cast<void*>((at + 15) / 16 * 16);
}

const dim3& thread_index() { return running->index; }
const dim3& block_index() { return block.index; }
const dim3& block_size() { return block.size; }
const dim3& grid_size() { return block.grid; }

void block_barrier() { wait(State::kAtBlock); }

uint64_t exchange(unsigned mask, uint64_t value, unsigned source) {
  Fiber* self = running;
  const unsigned lane = self->index.x % 32;
  // Two halves suffice: nobody begins the operation after next before all have read this one.
  uint64_t* slots = block.warps[self->index.x / 32].slots[self->ops++ % 2];
  slots[lane] = value;
  self->mask = mask;
  wait(State::kAtWarp);
  return slots[(mask >> source) & 1u ? source : lane];
}

unsigned ballot(unsigned mask, bool value) {
  Fiber* self = running;
  const unsigned lane = self->index.x % 32;
  uint64_t* slots = block.warps[self->index.x / 32].slots[self->ops++ % 2];
  slots[lane] = value;
  self->mask = mask;
  wait(State::kAtWarp);
  unsigned result = 0;
  for (unsigned i = 0; i < 32; ++i)
    if (((mask >> i) & 1u) && slots[i]) result |= 1u << i;
  return result;
}

}  // namespace emulation
