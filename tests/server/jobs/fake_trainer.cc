// A trainer without training: writes the events that fake_trainer.h promises, with the product's own writer.
#include "tests/server/jobs/fake_trainer.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "core/training/event_log.h"
#include "core/training/file_io.h"
#include "core/training/job_spec.h"
#include "core/training/training_record.h"

namespace fintag::server {
namespace {

namespace fs = std::filesystem;

volatile sig_atomic_t told = 0;
constexpr int kMostTicks = 3000;  // of 20 ms: no test leaves it behind for long

class Trainer {
 public:
  Trainer(const fs::path& folder, JobSpec spec)
      : folder_(folder), spec_(std::move(spec)), log_(EventLogWriter::Open(folder / "events.log").value()) {}

  int Run() {
    const auto behaviour = static_cast<FakeTrainer>(spec_.options.seed);
    if (behaviour == FakeTrainer::kExitSilently) {
      std::fprintf(stderr, "first line\nlibfoo.so: cannot open shared object file\n");
      return 3;
    }
    if (behaviour == FakeTrainer::kFail) {
      Write(TrainingFailed{"INVALID_ARGUMENT", spec_.train_name + ":12: bad tag"});
      return 1;
    }
    if (behaviour == FakeTrainer::kLoseRank) {
      Write(TrainingFailed{"UNAVAILABLE", "rank 1 of 2 was lost: connection closed"});
      return 1;
    }
    TrainingStart start;
    start.word_lookup.micro.f1 = 0.5;
    start.total_steps = 20;
    Write(start);
    switch (behaviour) {
      case FakeTrainer::kKillItself:
        raise(SIGKILL);
        break;
      case FakeTrainer::kHangBeforeEpoch:
        signal(SIGTERM, SIG_IGN);
        return Progress(1);
      case FakeTrainer::kHangBeforeEvent:
        signal(SIGTERM, SIG_IGN);
        WriteCheckpoint();
        RecordEpoch(1, 0.8);
        return Progress(1);
      case FakeTrainer::kIgnoreSigterm:
        signal(SIGTERM, SIG_IGN);
        Epoch(1, 0.7, true);
        return Progress(2);
      case FakeTrainer::kRunUntilTold:
        signal(SIGTERM, [](int) { told = 1; });
        Epoch(1, 0.7, true);
        Progress(2);
        Write(TrainingFinished{1, 1, true});
        return 0;
      case FakeTrainer::kDamageLog:
        std::ofstream(folder_ / "events.log", std::ios::app) << "00000000 {\"sequence\":4}\n00000000 {}\n";
        return Progress(1);
      default:
        break;
    }
    const bool again = spec_.keep_state && fs::exists(folder_ / "state");
    if (!again) Epoch(1, 0.75, true);
    if (behaviour == FakeTrainer::kKillItselfOnce && !again) {
      if (spec_.keep_state) fs::create_directory(folder_ / "state");
      raise(SIGKILL);
    }
    for (int tick = 0; behaviour == FakeTrainer::kWaitForFile && tick < kMostTicks; ++tick) {
      if (fs::exists(folder_ / "go")) break;
      Sleep();
    }
    Epoch(2, 0.6, false);
    if (behaviour == FakeTrainer::kSpoilCheckpoint) fs::remove(folder_ / "checkpoint" / "config.json");
    Write(TrainingFinished{1, 1, false});
    return 0;
  }

 private:
  static void Sleep() { std::this_thread::sleep_for(std::chrono::milliseconds(20)); }

  template <typename What>
  void Write(const What& what) {
    Event event;
    event.what = what;
    if (!log_->Append(event).ok()) _exit(99);
  }

  void WriteCheckpoint() {
    fs::create_directory(folder_ / "checkpoint");
    fs::copy(spec_.base, folder_ / "checkpoint", fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  }

  void RecordEpoch(int number, double f1) {
    TrainingRecord record;
    record.result.epochs.emplace_back().epoch = number;
    record.result.epochs.back().scores.micro.f1 = f1;
    record.result.kept_epoch = number;
    if (!ReplaceFile(folder_ / "checkpoint" / "fintag.json", TrainingRecordJson(record)).ok()) _exit(99);
  }

  void Epoch(int number, double f1, bool best) {
    if (best) WriteCheckpoint();
    EpochResult epoch;
    epoch.epoch = number;
    epoch.scores.micro.f1 = f1;
    epoch.unseen.f1 = f1 / 2;
    epoch.best = best;
    Write(epoch);
  }

  int Progress(int epoch) {
    for (int tick = 0; tick < kMostTicks && told == 0; ++tick) {
      TrainingProgress progress;
      progress.epoch = epoch;
      progress.step = tick + 1;
      Write(progress);
      Sleep();
    }
    return 0;
  }

  const fs::path folder_;
  const JobSpec spec_;
  std::unique_ptr<EventLogWriter> log_;
};

}  // namespace
}  // namespace fintag::server

int main(int argc, char** argv) {
  if (argc != 3 || std::string(argv[1]) != "--job") return 2;
  const std::filesystem::path folder = argv[2];
  const int lock = open((folder / "trainer.lock").c_str(), O_RDWR | O_CREAT, 0644);
  if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) != 0) return 98;
  const std::string json = fintag::ReadFile(folder / "job.json").value();
  return fintag::server::Trainer(folder, fintag::ParseJobSpec(json).value()).Run();
}
