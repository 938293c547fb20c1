// See engine_thread.h.
#include "native/binding/engine_thread.h"
#include <ATen/Parallel.h>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <unistd.h>

namespace mira::binding {

EngineThread& EngineThread::instance() {
  static EngineThread& leaked = *new EngineThread();
  return leaked;
}

EngineThread::EngineThread() : threads_(at::get_num_threads()) {
  // Registered after LibTorch's static constructors, so it runs before its static destructors.
  stop_before_destructors();
}

void EngineThread::leave() {
  {
    std::unique_lock lock(mutex_);
    exiting_ = true;
    idle_.wait_for(lock, std::chrono::seconds(1), [this] { return !busy_; });
  }
  stop_before_destructors();
}

void EngineThread::stop_before_destructors() {
#ifdef __GLIBC__
  on_exit(on_process_exit, this);  // handlers run in the reverse of this order
#endif
}

void EngineThread::post(std::function<void()> job) {
  std::lock_guard lock(mutex_);
  if (exiting_) return;
  if (!started_) {
    std::thread([this] { run(); }).detach();
    started_ = true;
  }
  jobs_.push_back(std::move(job));
  wake_.notify_one();
}

void EngineThread::run() {
  // The count is a property of the calling thread: setting it from the JS thread would do nothing here.
  at::set_num_threads(threads_);
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return !jobs_.empty() && !exiting_; });
    std::function<void()> job = std::move(jobs_.front());
    jobs_.pop_front();
    busy_ = true;
    lock.unlock();
    try {
      job();
    } catch (...) {
      // Verbs catch their own; a pump that throws has nobody left to tell.
    }
    job = nullptr;
    lock.lock();
    busy_ = false;
    idle_.notify_all();
  }
}

void EngineThread::set_threads(int count) {
  at::set_num_threads(count);
  threads_ = count;
}

void EngineThread::die(std::exception_ptr error) {
  std::lock_guard lock(mutex_);
  if (!death_) death_ = std::move(error);
}

void EngineThread::check_alive() {
  std::lock_guard lock(mutex_);
  if (death_) std::rethrow_exception(death_);
}

// The environments have closed by now and set the cancel flags of their work. Give it a moment to notice;
// if it is deep inside one operation, leave without running destructors under its feet.
void EngineThread::on_process_exit(int status, void* data) {
  auto* self = static_cast<EngineThread*>(data);
  std::unique_lock lock(self->mutex_);
  self->exiting_ = true;
  bool idle = self->idle_.wait_for(lock, std::chrono::milliseconds(250), [self] { return !self->busy_; });
  if (!idle) {
    std::fflush(nullptr);
    _exit(status);
  }
}

}  // namespace mira::binding
