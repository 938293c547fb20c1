// Reading ahead into two buffers and copying out of them; see weight_stream.h.
#include "native/core/weight_stream.h"
#include <ATen/core/grad_mode.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <thread>
#include "native/core/cancelled.h"
#ifdef MIRA_CUDA
#include <ATen/core/CachingHostAllocator.h>
#endif

namespace mira {
namespace {

constexpr uint64_t kDirectBlock = uint64_t{16} << 20;     // read at once on the CPU, between two looks at `cancelled`
constexpr int64_t kConvertElements = int64_t{16} << 20;   // converted at once on a GPU: the only extra memory there
constexpr uint64_t kAlignment = 64;

at::ScalarType stored_dtype(const StreamedTensor& t) { return *safetensors_dtype(t.entry->dtype); }
bool is_direct(const StreamedTensor& t) { return t.target.is_cpu() && t.target.scalar_type() == stored_dtype(t); }

// A run of elements of one tensor, at a place in a buffer.
struct Part {
  const StreamedTensor* tensor;
  int64_t first, count;
  uint64_t at;
};
using Fill = std::vector<Part>;

std::vector<Fill> plan_fills(const std::vector<StreamedTensor>& tensors, uint64_t buffer_bytes) {
  std::vector<Fill> fills(1);
  uint64_t used = 0;
  for (const StreamedTensor& t : tensors) {
    if (is_direct(t)) continue;
    const uint64_t item = c10::elementSize(stored_dtype(t));
    for (int64_t first = 0; first < t.target.numel();) {
      used = (used + kAlignment - 1) / kAlignment * kAlignment;
      if (used + item > buffer_bytes) {
        fills.emplace_back();
        used = 0;
      }
      const int64_t count = std::min<int64_t>(t.target.numel() - first, static_cast<int64_t>((buffer_bytes - used) / item));
      fills.back().push_back({&t, first, count, used});
      used += static_cast<uint64_t>(count) * item;
      first += count;
    }
  }
  if (fills.back().empty()) fills.pop_back();
  return fills;
}

// Two buffers and the thread that fills them in turn. The owner takes fill after fill; an error of the reading
// thread is rethrown there. Leaving early stops the thread.
class ReadAhead {
 public:
  ReadAhead(const std::vector<Fill>& fills, uint64_t buffer_bytes, bool pinned) : fills_(fills) {
    for (at::Tensor& buffer : buffers_)
      buffer = at::empty({static_cast<int64_t>(buffer_bytes)}, at::TensorOptions().dtype(at::kByte).pinned_memory(pinned));
    thread_ = std::thread([this] { read_all(); });
  }
  ~ReadAhead() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    thread_.join();
    for (auto& event : copied_)
      if (event) event->synchronize();  // the buffers must outlive the copies out of them
  }

  // The buffer that holds fill `i`, once it is read.
  const at::Tensor& take(size_t i, const std::atomic<bool>* cancelled) {
    std::unique_lock lock(mutex_);
    while (filled_ <= i && !error_) {
      changed_.wait_for(lock, std::chrono::milliseconds(100));
      poll(cancelled);
    }
    if (filled_ <= i) std::rethrow_exception(error_);
    return buffers_[i % 2];
  }
  // Fill `i` is no longer needed: at once, or when `event` has happened.
  void give_back(size_t i, std::optional<c10::Event> event) {
    {
      const std::lock_guard lock(mutex_);
      copied_[i % 2] = std::move(event);
      given_back_ = i + 1;
    }
    changed_.notify_all();
  }

 private:
  void read_all() {
    try {
      for (size_t i = 0; i < fills_.size(); ++i) {
        std::optional<c10::Event> event;
        {
          std::unique_lock lock(mutex_);
          changed_.wait(lock, [&] { return stop_ || given_back_ + 2 > i; });
          if (stop_) return;
          event = std::exchange(copied_[i % 2], std::nullopt);
        }
        if (event) event->synchronize();
        auto* buffer = static_cast<char*>(buffers_[i % 2].data_ptr());
        for (const Part& part : fills_[i]) {
          const uint64_t item = c10::elementSize(stored_dtype(*part.tensor));
          part.tensor->file->read_bytes(*part.tensor->entry, static_cast<uint64_t>(part.first) * item, buffer + part.at,
                                        static_cast<uint64_t>(part.count) * item);
        }
        {
          const std::lock_guard lock(mutex_);
          filled_ = i + 1;
          if (stop_) return;
        }
        changed_.notify_all();
      }
    } catch (...) {
      const std::lock_guard lock(mutex_);
      error_ = std::current_exception();
      changed_.notify_all();
    }
  }

  const std::vector<Fill>& fills_;
  std::array<at::Tensor, 2> buffers_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::array<std::optional<c10::Event>, 2> copied_;  // of the fill last taken from each buffer
  size_t filled_ = 0, given_back_ = 0;
  bool stop_ = false;
  std::exception_ptr error_;
  std::thread thread_;  // last: it uses the rest
};

// Out of the buffer into its place. Same dtype: one copy, asynchronous from pinned memory. Otherwise the GPU
// converts, a piece at a time; the CPU converts while it copies.
void place(const Part& part, const at::Tensor& buffer) {
  const at::ScalarType stored = stored_dtype(*part.tensor);
  const int64_t bytes = part.count * static_cast<int64_t>(c10::elementSize(stored));
  const at::Tensor raw = buffer.narrow(0, static_cast<int64_t>(part.at), bytes).view(stored);
  const at::Tensor into = part.tensor->target.view({-1}).narrow(0, part.first, part.count);
  if (into.is_cpu() || into.scalar_type() == stored) {
    into.copy_(raw, /*non_blocking=*/true);
    return;
  }
  for (int64_t done = 0; done < part.count; done += kConvertElements) {
    const int64_t count = std::min(kConvertElements, part.count - done);
    into.narrow(0, done, count).copy_(raw.narrow(0, done, count).to(into.device(), /*non_blocking=*/true));
  }
}

void read_direct(const StreamedTensor& t, const std::atomic<bool>* cancelled, LoadProgress* progress) {
  auto* into = static_cast<char*>(t.target.data_ptr());
  const uint64_t bytes = t.entry->end - t.entry->begin;
  for (uint64_t done = 0; done < bytes;) {
    poll(cancelled);
    const uint64_t count = std::min(kDirectBlock, bytes - done);
    t.file->read_bytes(*t.entry, done, into + done, count);
    done += count;
    if (progress) progress->done += count;
  }
}

void read_staged(const std::vector<StreamedTensor>& tensors, uint64_t buffer_bytes, const std::atomic<bool>* cancelled,
                 LoadProgress* progress) {
  const std::vector<Fill> fills = plan_fills(tensors, buffer_bytes);
  if (fills.empty()) return;
  const at::Device device = fills[0][0].tensor->target.device();
  const c10::OptionalDeviceGuard guard(device.is_cpu() ? std::optional<c10::Device>() : std::optional<c10::Device>(device));
  ReadAhead reader(fills, buffer_bytes, !device.is_cpu());
  std::optional<c10::Stream> stream;
  if (!device.is_cpu()) stream = c10::impl::VirtualGuardImpl(device.type()).getStream(device);
  for (size_t i = 0; i < fills.size(); ++i) {
    poll(cancelled);
    const at::Tensor& buffer = reader.take(i, cancelled);
    uint64_t bytes = 0;
    for (const Part& part : fills[i]) {
      place(part, buffer);
      bytes += static_cast<uint64_t>(part.count) * c10::elementSize(stored_dtype(*part.tensor));
    }
    std::optional<c10::Event> event;
    if (stream) {
      event.emplace(device.type());
      event->record(*stream);
    }
    reader.give_back(i, std::move(event));
    if (progress) progress->done += bytes;
  }
  if (stream) stream->synchronize();
}

}  // namespace

bool needs_buffers(const std::vector<StreamedTensor>& tensors) {
  return std::any_of(tensors.begin(), tensors.end(), [](const StreamedTensor& t) { return !is_direct(t); });
}

void stream_weights(std::vector<StreamedTensor> tensors, uint64_t buffer_bytes, const std::atomic<bool>* cancelled,
                    LoadProgress* progress) {
  const at::NoGradGuard no_grad;
  uint64_t total = 0, staged = 0;
  std::set<std::shared_ptr<SafetensorsFile>> files;
  for (const StreamedTensor& t : tensors) {
    const auto stored = safetensors_dtype(t.entry->dtype);
    if (!stored || !at::isFloatingType(*stored) || !at::isFloatingType(t.target.scalar_type()))
      throw std::invalid_argument(t.file->path() + ": expected a floating-point '" + t.entry->name + "', got " + t.entry->dtype + ".");
    if (!t.target.is_contiguous() || t.target.sizes() != at::IntArrayRef(t.entry->shape))
      throw std::invalid_argument(t.file->path() + ": '" + t.entry->name + "' has no contiguous place of its shape to go to.");
    total += t.entry->end - t.entry->begin;
    if (!is_direct(t)) staged += t.entry->end - t.entry->begin;
    files.insert(t.file);
  }
  if (buffer_bytes < 8) throw std::invalid_argument("bufferBytes: expected at least 8, got " + std::to_string(buffer_bytes) + ".");
  if (progress) progress->total = total;
  std::sort(tensors.begin(), tensors.end(), [](const StreamedTensor& a, const StreamedTensor& b) {
    return a.file->path() != b.file->path() ? a.file->path() < b.file->path() : a.entry->begin < b.entry->begin;
  });
  for (const StreamedTensor& t : tensors)
    if (is_direct(t)) read_direct(t, cancelled, progress);
  // No larger than what is to go through it: a small model does not pin half a gigabyte.
  const uint64_t roomy = staged + kAlignment * tensors.size();
  read_staged(tensors, std::min(buffer_bytes, std::max<uint64_t>(roomy, 8)), cancelled, progress);
#ifdef MIRA_CUDA
  // Pinned memory is cached for the next who asks, and nobody will: half a gigabyte back to the host.
  if (needs_buffers(tensors) && !tensors.front().target.is_cpu()) at::getHostAllocator(at::kCUDA)->empty_cache();
#endif
  for (const auto& file : files) file->check_unchanged();
}

}  // namespace mira
