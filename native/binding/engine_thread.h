// The process-wide thread all tensor work runs on: one team of compute threads, one grad mode, one order.
// Started at the first job and never joined; a process that exits in the middle of a job skips the static
// destructors that the job would fall over.
#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>

namespace mira::binding {

class EngineThread {
 public:
  static EngineThread& instance();

  void post(std::function<void()> job);
  void set_threads(int count);  // engine thread only
  int threads() const { return threads_; }
  // After a sticky device error nothing can work: every later verb is refused with that error.
  void die(std::exception_ptr error);
  void check_alive();
  // The process has begun to leave: no further job starts, the one under way gets a second to end, and what comes
  // after runs before any destructor that was registered up to now. LibTorch registers some when an operation first
  // runs (oneDNN's code generators among them), and a destructor under a running operation is a crash.
  void leave();

 private:
  EngineThread();
  void stop_before_destructors();
  void run();
  static void on_process_exit(int status, void* self);

  std::mutex mutex_;
  std::condition_variable wake_, idle_;
  std::deque<std::function<void()>> jobs_;
  bool started_ = false, busy_ = false, exiting_ = false;
  std::exception_ptr death_;
  std::atomic<int> threads_;
};

}  // namespace mira::binding
