// The sampling kernel against a sort and an inverse CDF in float64 with the same uniform: the same id except where
// the uniform falls on the edge between two tokens, and then a neighbour; log-probabilities to 1e-5.
#include "native/core/philox.h"
#include "native/kernels/cuda/logprob_rows.cuh"
#include "native/kernels/cuda/sampler.cuh"
#include "test/native/cuda-emulation/check.h"

namespace test {
namespace {

namespace cuda = mira::kernels::cuda;

struct Settings { double temperature; int32_t top_k; double top_p; };

struct Expected {
  std::vector<double> kept;  // weight of each id, 0 once truncated
  double mass = 0, kept_mass = 0, peak = 0;
};

Expected expect(const float* logits, int64_t V, const Settings& s) {
  Expected e;
  const double scale = s.temperature == 0 ? 1 : 1 / s.temperature;
  e.peak = *std::max_element(logits, logits + V);
  for (int64_t i = 0; i < V; ++i) e.kept.push_back(std::exp((logits[i] - e.peak) * scale));
  for (double w : e.kept) e.mass += w;
  std::vector<int64_t> order(static_cast<size_t>(V));
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int64_t>(i);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return logits[a] > logits[b]; });
  size_t keep = s.top_k > 0 && s.top_k < V ? static_cast<size_t>(s.top_k) : order.size();
  if (s.top_p < 1) {
    double all = 0, reached = 0;
    for (size_t i = 0; i < keep; ++i) all += e.kept[static_cast<size_t>(order[i])];
    size_t at = 0;
    while (at < keep && (at == 0 || reached < s.top_p * all)) reached += e.kept[static_cast<size_t>(order[at++])];
    keep = at;
  }
  for (size_t i = keep; i < order.size(); ++i) e.kept[static_cast<size_t>(order[i])] = 0;
  for (double w : e.kept) e.kept_mass += w;
  return e;
}

struct Drawn {
  Buffer<int32_t> id;
  Buffer<float> logprob, sampling;
};
Drawn draw(const Buffer<float>& logits, int64_t n, int64_t V, const std::vector<Settings>& s, int64_t seed, int64_t position) {
  Buffer<double> temperature(n), top_p(n);
  Buffer<int32_t> top_k(n);
  Buffer<int64_t> seeds(n), positions(n);
  for (int64_t r = 0; r < n; ++r) {
    temperature[r] = s[static_cast<size_t>(r)].temperature;
    top_k[r] = s[static_cast<size_t>(r)].top_k;
    top_p[r] = s[static_cast<size_t>(r)].top_p;
    seeds[r] = seed + r;
    positions[r] = position;
  }
  Drawn d{Buffer<int32_t>(n), Buffer<float>(n), Buffer<float>(n)};
  cuda::sample(logits.data(), {temperature.data(), top_k.data(), top_p.data(), seeds.data(), positions.data(), d.id.data(),
                               d.logprob.data(), d.sampling.data()}, n, V, nullptr);
  return d;
}

void rows(const std::string& what, const Buffer<float>& logits, int64_t n, int64_t V, const std::vector<Settings>& s, int draws) {
  double wrong = 0, off = 0, sampling_off = 0;
  bool truncated = true;
  for (int k = 0; k < draws; ++k) {
    const int64_t seed = 1000 + 17 * k, position = 5 + k;
    const Drawn d = draw(logits, n, V, s, seed, position);
    for (int64_t r = 0; r < n; ++r) {
      const Settings& settings = s[static_cast<size_t>(r)];
      const Expected e = expect(&logits[r * V], V, settings);
      const double scale = settings.temperature == 0 ? 1 : 1 / settings.temperature;
      const int64_t id = d.id[r];
      if (id < 0 || id >= V) {
        wrong = INFINITY;
        continue;
      }
      truncated = truncated && (settings.temperature == 0 || e.kept[static_cast<size_t>(id)] > 0);
      const double logprob = (logits[r * V + id] - e.peak) * scale - std::log(e.mass);
      off = std::max(off, std::abs(d.logprob[r] - logprob));
      if (settings.temperature == 0) {
        wrong += id != std::max_element(&logits[r * V], &logits[r * V] + V) - &logits[r * V];
        sampling_off = std::max(sampling_off, std::abs(static_cast<double>(d.sampling[r])));
        continue;
      }
      sampling_off = std::max(sampling_off, std::abs(d.sampling[r] - (logprob + std::log(e.mass) - std::log(e.kept_mass))));
      // The cumulative weight before and after the id must enclose the uniform, up to rounding.
      double before = 0;
      for (int64_t i = 0; i < id; ++i) before += e.kept[static_cast<size_t>(i)];
      const double u = mira::philox_uniform(static_cast<uint64_t>(seed + r), static_cast<uint64_t>(position)) * e.kept_mass;
      const double slack = 1e-5 * e.kept_mass;
      wrong = std::max({wrong, before - slack - u, u - (before + e.kept[static_cast<size_t>(id)] + slack)});
    }
  }
  report("sample", what + " id", std::max(0.0, wrong), 0);
  report("sample", what + " keeps to the truncated set", truncated);
  report("sample", what + " logprob", off, 1e-5);
  report("sample", what + " sampling logprob", sampling_off, 1e-5);
}

void sampler() {
  const std::vector<Settings> mixed{{1, 0, 1}, {0, 0, 1}, {0.7, 5, 1}, {1, 0, 0.9}, {1.3, 20, 0.8}, {1, 1, 1}};
  for (const int64_t V : {1, 7, 33, 257, 5000})
    rows("V=" + std::to_string(V), random<float>(6 * V, 3, 4), 6, V, mixed, 4);
  rows("V=262208", random<float>(2 * 262208, 4, 3), 2, 262208, {{1, 64, 0.95}, {1, 0, 0.9}}, 1);

  // Ties at every cut: few distinct logits, so that top-k and top-p end among equals, where lower ids go first.
  auto tied = random<float>(6 * 300, 5, 1.5);
  for (int64_t i = 0; i < tied.size(); ++i) tied[i] = std::round(tied[i]);
  rows("ties", tied, 6, 300, {{1, 40, 1}, {1, 7, 0.5}, {1, 0, 0.6}, {2, 100, 0.99}, {0, 0, 1}, {1, 299, 1}}, 6);
  // All equal: greedy takes id 0, top-k the first k.
  Buffer<float> flat(3 * 100);
  for (int64_t i = 0; i < flat.size(); ++i) flat[i] = -2.5f;
  rows("flat", flat, 3, 100, {{0, 0, 1}, {1, 10, 1}, {1, 0, 0.25}}, 6);
  // Most of the mass far from the peak: the bucket that holds what is left over.
  auto far = random<float>(2 * 3000, 6, 0.01);
  for (int64_t i = 0; i < far.size(); ++i) far[i] -= 40.f;
  far[11] = far[3000 + 2999] = 0.f;
  rows("far from the peak", far, 2, 3000, {{20, 0, 0.9}, {20, 500, 0.7}}, 3);

  // Cuts at the edge of that bucket (32 below the peak), and at those before it.
  Buffer<float> stairs(12 * 3000);
  std::vector<Settings> cuts;
  for (int64_t i = 0; i < stairs.size(); ++i) stairs[i] = static_cast<float>((i % 3000) * -0.0133);
  for (int32_t k = 0; k < 12; ++k) cuts.push_back({50, 2401 + k, k % 2 ? 0.9999 : 1});
  rows("edge of the last bucket", stairs, 12, 3000, cuts, 1);

  // The settings of one row do not touch another; a row that is not finite is said, alone.
  auto logits = random<float>(3 * 64, 7, 2);
  logits[64 + 5] = NAN;
  const std::vector<Settings> three{{1, 0, 1}, {1, 0, 1}, {0.5, 3, 0.9}};
  const Drawn all = draw(logits, 3, 64, three, 9, 1);
  report("sample", "a row with NaN gives -1", all.id[1] == -1 && all.id[0] >= 0 && all.id[2] >= 0);
  Buffer<float> last(64);
  std::copy_n(&logits[128], 64, last.data());
  const Drawn alone = draw(last, 1, 64, {three[2]}, 11, 1);
  report("sample", "a row alone, same bits",
         alone.id[0] == all.id[2] && alone.logprob[0] == all.logprob[2] && alone.sampling[0] == all.sampling[2]);

  // What training computes of the same logits: the same bits.
  Buffer<int32_t> target(1);
  Buffer<float> trained(1);
  target[0] = alone.id[0];
  cuda::logprob_rows_forward(last.data(), target.data(), 1 / 0.5, trained.data(), nullptr, nullptr, nullptr, 1, 64, nullptr);
  report("sample", "logprob equals that of training, same bits", trained[0] == alone.logprob[0]);

  const auto orders = in_every_order("sample", "V=257", [&] {
    const auto x = random<float>(6 * 257, 3, 4);
    Drawn d = draw(x, 6, 257, mixed, 77, 3);
    return std::vector<Buffer<float>>{d.logprob, d.sampling};
  });
  report("sample", "log-probabilities are not positive", std::all_of(orders[1].data(), orders[1].data() + 6, [](float x) { return x <= 0; }));
}

const Registered registered{"sampler", sampler};

}  // namespace
}  // namespace test
