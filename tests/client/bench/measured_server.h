// A server in this process that answers after a time, and tells how it was called.
#pragma once

#include <fintag/v1/tagging.grpc.pb.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>
#include <string>

#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "client/bench/run.h"
#include "client/bench/texts.h"
#include "tests/client/fake_server.h"

namespace fintag::bench {

struct Calls {
  int64_t calls = 0;
  int32_t now = 0;   // under way
  int32_t most = 0;  // under way at once
  std::set<std::string> peers;
};

// What the `number`th call, from 1, is answered with; it may take its time.
using Answer = std::function<grpc::Status(int64_t number)>;

class MeasuredTagging final : public fintag::v1::TaggingService::Service {
 public:
  explicit MeasuredTagging(Answer answer) : answer_(std::move(answer)) {}

  grpc::Status Tag(grpc::ServerContext* context, const fintag::v1::TagRequest*, fintag::v1::TagResponse*) override {
    int64_t number = 0;
    {
      absl::MutexLock lock(&mutex_);
      number = ++calls_.calls;
      calls_.most = std::max(calls_.most, ++calls_.now);
      calls_.peers.insert(context->peer());
    }
    const grpc::Status status = answer_(number);
    absl::MutexLock lock(&mutex_);
    --calls_.now;
    return status;
  }
  Calls calls() const {
    absl::MutexLock lock(&mutex_);
    return calls_;
  }

 private:
  const Answer answer_;
  mutable absl::Mutex mutex_;
  Calls calls_ ABSL_GUARDED_BY(mutex_);
};

inline Answer After(absl::Duration duration) {
  return [duration](int64_t) {
    absl::SleepFor(duration);
    return grpc::Status::OK;
  };
}

struct MeasuredServer {
  explicit MeasuredServer(Answer answer) : tagging(std::move(answer)), server({&tagging}) {}

  // For a short run against this server.
  Options OptionsFor() const {
    Options options;
    options.server = server.address();
    options.model = "tagger";
    options.warm_up = absl::ZeroDuration();
    return options;
  }

  MeasuredTagging tagging;
  client::FakeServer server;
};

// Of the built-in texts.
inline Report RunToEnd(const Options& options) {
  const absl::Notification never;
  absl::StatusOr<Report> report = Run(options, BuiltInTexts(), never, [](const Progress&) {});
  EXPECT_TRUE(report.ok()) << report.status();
  return report.value_or(Report());
}

}  // namespace fintag::bench
