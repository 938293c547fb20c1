// The exception a long computation throws when the caller has asked it to stop, and the poll that throws it.
#pragma once
#include <atomic>
#include <exception>

namespace mira {

struct Cancelled : std::exception {
  const char* what() const noexcept override { return "cancelled"; }
};

inline void poll(const std::atomic<bool>* cancelled) {
  if (cancelled && cancelled->load(std::memory_order_relaxed)) throw Cancelled{};
}

}  // namespace mira
