// Runs the tests of the emulated kernels, all or those named, and prints one JSON line per case:
// {"kernel","what","found","bound"}, which holds when found <= bound. Exit status 0 unless a launch failed or a name
// is unknown. --list prints the names.
#include <map>
#include "test/native/cuda-emulation/check.h"

namespace test {

static std::map<std::string, void (*)()>& all() {
  static std::map<std::string, void (*)()> tests;
  return tests;
}
Registered::Registered(const char* name, void (*run)()) { all()[name] = run; }

void report(const std::string& kernel, const std::string& what, double found, double bound) {
  if (!(found <= 1e300)) found = 1e300;  // JSON has no NaN
  std::printf("{\"kernel\":\"%s\",\"what\":\"%s\",\"found\":%.9g,\"bound\":%.9g}\n", kernel.c_str(), what.c_str(), found, bound);
  std::fflush(stdout);
}

}  // namespace test

int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "--list") {
    for (const auto& [name, run] : test::all()) std::printf("%s\n", name.c_str());
    return 0;
  }
  int failed = 0;
  for (int i = 1; i < argc; ++i)
    if (!test::all().count(argv[i])) {
      std::fprintf(stderr, "no test is named %s; --list prints the names\n", argv[i]);
      failed = 1;
    }
  for (const auto& [name, run] : test::all()) {
    if (argc > 1 && std::find(argv + 1, argv + argc, name) == argv + argc) continue;
    try {
      run();
    } catch (const std::exception& e) {
      std::fprintf(stderr, "%s: %s\n", name.c_str(), e.what());
      failed = 1;
    }
  }
  return failed;
}
