#include "core/training/run_model.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/model/checkpoint_folder.h"
#include "core/model/device.h"
#include "core/ranks/rank_agreement.h"
#include "core/training/random.h"
#include "core/training/seeds.h"

namespace fintag {
namespace {

constexpr int64_t kShortestWindow = 8;  // MakeWindows needs as much

// This process' part of the processors: what OMP_NUM_THREADS says, else an even share of those that it may run on,
// which a container or a batch system limits. (std::thread::hardware_concurrency counts the machine's.)
int Share(int32_t processes) {
  int told = 0;
  if (const char* text = std::getenv("OMP_NUM_THREADS"); text != nullptr && absl::SimpleAtoi(text, &told) && told > 0) {
    return told;
  }
  cpu_set_t mine;
  const int all = sched_getaffinity(0, sizeof mine, &mine) == 0 ? CPU_COUNT(&mine)
                                                                : static_cast<int>(std::thread::hardware_concurrency());
  return std::max(1, all / processes);
}

int32_t UseThreads(int32_t wanted, int32_t processes) {
  const int threads = wanted > 0 ? wanted : Share(processes);
  at::set_num_threads(threads);
  return threads;
}

// Sums in a fixed order where LibTorch can: two equal runs then write the same bytes.
void UseDeterministicAlgorithms() {
  at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/true);
  at::globalContext().setDeterministicFillUninitializedMemory(false);
}

}  // namespace

absl::StatusOr<std::unique_ptr<TokenClassifier>> LoadRunModel(const TrainingInput& input,
                                                              const TrainingOptions& options,
                                                              const std::vector<std::string>& tags, RankGroup* ranks,
                                                              TrainingStart& start) {
  int32_t processes = 1;  // on this machine
  if (ranks != nullptr) {
    const absl::StatusOr<int32_t> here = RanksHere(*ranks);
    if (!here.ok()) return here.status();
    processes = *here;
    start.notes.push_back(absl::StrCat("trained by ", ranks->place().ranks, " processes"));
  }
  const absl::StatusOr<at::Device> device =
      SelectDevice(options.device, ranks == nullptr ? 0 : ranks->place().local_rank);
  if (!device.ok()) return device.status();
  start.device = DeviceName(*device);
  start.threads = UseThreads(options.threads, processes);
  UseDeterministicAlgorithms();
  absl::StatusOr<Checkpoint> base = ReadCheckpoint(input.base);
  if (!base.ok()) return base.status();
  for (const std::string& note : base->notes) start.notes.push_back(note);
  if (base->config.max_positions < kShortestWindow) {
    return absl::InvalidArgumentError(absl::StrCat("config.json: max_position_embeddings must be at least ",
                                                   kShortestWindow, ", is ", base->config.max_positions));
  }
  absl::StatusOr<std::unique_ptr<TokenClassifier>> model =
      TokenClassifier::Create(*base, tags, DeriveSeed(options.seed, kClassifierStream, 0), *device);
  if (!model.ok()) return model.status();
  if (options.dropout) (*model)->set_dropout(*options.dropout);
  if (options.precision == "bf16") {
    const bool adds_gradients = ranks != nullptr || options.gradient_accumulation > 1;
    if (absl::Status mixed = (*model)->TrainInMixedPrecision(adds_gradients); !mixed.ok()) return mixed;
  }
  start.parameters = (*model)->parameter_count();
  return model;
}

}  // namespace fintag
