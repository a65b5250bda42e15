#include "server/serving/version_statistics.h"

#include <chrono>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace fintag::server {
namespace {

int64_t NowMilliseconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

class Statistics final : public VersionStatistics {
 public:
  void OnBatch(const BatchReport& report) override {
    absl::MutexLock lock(&mutex_);
    figures_.forward.Add(report.seconds);
    for (const double waited : report.queue_seconds) figures_.queue.Add(waited);
  }

  void OnAnswer(int64_t texts, const AnswerTimes& times) override {
    const int64_t now = NowMilliseconds();
    absl::MutexLock lock(&mutex_);
    figures_.last_answer_ms = now;
    figures_.texts += texts;
    figures_.success.Add(times.total);
    figures_.encode.Add(times.encode);
    figures_.decode.Add(times.decode);
  }

  void OnFailure(double seconds) override {
    absl::MutexLock lock(&mutex_);
    figures_.failure.Add(seconds);
  }

  VersionFigures figures() const override {
    absl::MutexLock lock(&mutex_);
    return figures_;
  }

 private:
  mutable absl::Mutex mutex_;
  VersionFigures figures_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<VersionStatistics> VersionStatistics::Create() { return std::make_unique<Statistics>(); }

}  // namespace fintag::server
