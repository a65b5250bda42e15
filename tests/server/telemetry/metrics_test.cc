#include "server/telemetry/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

#include "core/version.h"

namespace fintag::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const VersionLabels kFirst = {"fin", "1"};
const VersionLabels kSecond = {"fin", "2"};

Event ProgressEvent(int64_t tokens) {
  TrainingProgress progress;
  progress.epoch = 2;
  progress.loss = 0.25;
  progress.tokens = tokens;
  progress.tokens_per_second = 1500;
  return {1, 0, progress};
}

Event EpochEvent() {
  EpochResult epoch;
  epoch.epoch = 2;
  epoch.train_loss = 0.5;
  epoch.tokens_per_second = 1600;
  epoch.scores.micro = {.label = "", .precision = 0.5, .recall = 0.25, .f1 = 0.375};
  epoch.scores.labels = {{.label = "ORG", .precision = 1, .recall = 0.5, .f1 = 0.75}};
  epoch.scores.accuracy = 0.875;
  return {2, 1700000002500, epoch};
}

Event StateEvent(const std::string& state) { return {3, 1700000003000, StateChanged{state, "", ""}}; }

class MetricsTest : public ::testing::Test {
 protected:
  // Makes every family have a series.
  void TellEverything() {
    metrics_->OnRequest("fintag.v1.TaggingService/Tag", "OK", 0.004);
    metrics_->OnBatch(kFirst, 100, 0.01, {0.001, 0.002});
    metrics_->OnTagged(kFirst, {2, 60, 3, {{"ORG", 0.99}, {"PER", 0.5}, {"ORG", 0.97}}});
    metrics_->OnJobEvent("j", ProgressEvent(1000));
    metrics_->OnJobEvent("j", EpochEvent());
    metrics_->OnReload("tokens", true);
    metrics_->SetCertificateExpiry(1800000000);
    metrics_->SetQueueTokens(kFirst, 42);
    metrics_->SetModelVersion(kFirst, 0.875, 1700000000);
    metrics_->SetJobs("RUNNING", 1);
    metrics_->SetTrainer("j", {.resident_bytes = 4096, .cpu_seconds = 1.5});
    metrics_->SetProcess({.resident_bytes = 8192,
                          .virtual_bytes = 16384,
                          .cpu_seconds = 2.5,
                          .open_files = 7,
                          .max_open_files = 1024,
                          .start_unix_seconds = 1700000001});
    metrics_->SetDataFilesystem(1 << 20, 1 << 10);
    metrics_->SetLimits(262144, 2048);
  }

  std::unique_ptr<Metrics> metrics_ = Metrics::Create();
};

TEST_F(MetricsTest, CountsWhatItIsTold) {
  TellEverything();
  const std::string text = metrics_->Text();
  for (const std::string& line :
       {std::string("fintag_requests_total{code=\"OK\",method=\"fintag.v1.TaggingService/Tag\"} 1\n"),
        std::string("fintag_request_duration_seconds_bucket{method=\"fintag.v1.TaggingService/Tag\",le=\"0.002\"} 0\n"),
        std::string("fintag_request_duration_seconds_bucket{method=\"fintag.v1.TaggingService/Tag\",le=\"0.005\"} 1\n"),
        std::string("fintag_batch_tokens_sum{model=\"fin\",version=\"1\"} 100\n"),
        std::string("fintag_queue_duration_seconds_count{model=\"fin\",version=\"1\"} 2\n"),
        std::string("fintag_inference_duration_seconds_count{model=\"fin\",version=\"1\"} 1\n"),
        std::string("fintag_sentences_total{model=\"fin\",version=\"1\"} 2\n"),
        std::string("fintag_tokens_total{model=\"fin\",version=\"1\"} 60\n"),
        std::string("fintag_unknown_tokens_total{model=\"fin\",version=\"1\"} 3\n"),
        std::string("fintag_entities_total{label=\"ORG\",model=\"fin\",version=\"1\"} 2\n"),
        std::string("fintag_entity_confidence_count{model=\"fin\",version=\"1\"} 3\n"),
        std::string("fintag_queue_tokens{model=\"fin\",version=\"1\"} 42\n"),
        std::string("fintag_model_f1{model=\"fin\",version=\"1\"} 0.875\n"),
        std::string("fintag_model_created_timestamp_seconds{model=\"fin\",version=\"1\"} 1700000000\n"),
        std::string("fintag_max_queue_tokens 262144\n"),
        std::string("fintag_max_batch_tokens 2048\n"),
        std::string("fintag_data_filesystem_size_bytes 1048576\n"),
        std::string("fintag_data_filesystem_avail_bytes 1024\n"),
        std::string("fintag_trainer_resident_memory_bytes{job=\"j\"} 4096\n"),
        std::string("fintag_trainer_cpu_seconds_total{job=\"j\"} 1.5\n"),
        std::string("process_resident_memory_bytes 8192\n"),
        std::string("process_virtual_memory_bytes 16384\n"),
        std::string("process_cpu_seconds_total 2.5\n"),
        std::string("process_open_fds 7\n"),
        std::string("process_max_fds 1024\n"),
        std::string("process_start_time_seconds 1700000001\n"),
        std::string("fintag_training_last_event_timestamp_seconds{job=\"j\"} 1700000002.5\n"),
        std::string("fintag_jobs_ended_total{state=\"FAILED\"} 0\n"),
        std::string("fintag_jobs{state=\"RUNNING\"} 1\n"),
        std::string("fintag_jobs{state=\"FAILED\"} 0\n"),
        std::string("fintag_training_epoch{job=\"j\"} 2\n"),
        std::string("fintag_training_loss{job=\"j\"} 0.5\n"),
        std::string("fintag_training_tokens_total{job=\"j\"} 1000\n"),
        std::string("fintag_training_tokens_per_second{job=\"j\"} 1600\n"),
        std::string("fintag_training_f1{job=\"j\",type=\"micro\"} 0.375\n"),
        std::string("fintag_training_precision{job=\"j\",type=\"ORG\"} 1\n"),
        std::string("fintag_training_recall{job=\"j\",type=\"micro\"} 0.25\n"),
        std::string("fintag_training_accuracy{job=\"j\",type=\"micro\"} 0.875\n"),
        std::string("fintag_build_info{version=\"") + kVersion + "\"} 1\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST_F(MetricsTest, TrainingTokensCountARunningTotalOnce) {
  for (const int64_t total : {100, 100, 250, 240}) metrics_->OnJobEvent("j", ProgressEvent(total));
  EXPECT_THAT(metrics_->Text(), HasSubstr("fintag_training_tokens_total{job=\"j\"} 250\n"));
}

TEST_F(MetricsTest, ForgottenJobLeavesNothing) {
  TellEverything();
  metrics_->OnJobEvent("jj", ProgressEvent(5));
  metrics_->ForgetJob("j");
  metrics_->ForgetJob("never seen");
  EXPECT_THAT(metrics_->Text(), Not(HasSubstr("job=\"j\"")));
  EXPECT_THAT(metrics_->Text(), HasSubstr("job=\"jj\""));
  metrics_->OnJobEvent("j", ProgressEvent(7));
  EXPECT_THAT(metrics_->Text(), HasSubstr("fintag_training_tokens_total{job=\"j\"} 7\n"));
}

TEST_F(MetricsTest, OnlyAJobThatWorksHasALastEvent) {
  const std::string name = "fintag_training_last_event_timestamp_seconds{job=\"j\"}";
  metrics_->OnJobEvent("j", StateEvent("QUEUED"));
  EXPECT_THAT(metrics_->Text(), Not(HasSubstr(name)));
  metrics_->OnJobEvent("j", StateEvent("VALIDATING"));
  EXPECT_THAT(metrics_->Text(), HasSubstr(name + " 1700000003\n"));
  metrics_->OnJobEvent("j", EpochEvent());
  EXPECT_THAT(metrics_->Text(), HasSubstr(name + " 1700000002.5\n"));
  metrics_->OnJobEvent("j", StateEvent("SUCCEEDED"));
  EXPECT_THAT(metrics_->Text(), Not(HasSubstr(name)));
  EXPECT_THAT(metrics_->Text(), HasSubstr("fintag_training_f1{job=\"j\",type=\"micro\"} 0.375\n"));
}

TEST_F(MetricsTest, EndedJobsAreCountedAndTheEarliestLoseTheirSeries) {
  for (int i = 0; i < 60; ++i) {
    metrics_->OnJobEvent(std::to_string(i), EpochEvent());
    metrics_->OnJobEvent(std::to_string(i), StateEvent(i % 3 == 0 ? "FAILED" : "SUCCEEDED"));
  }
  metrics_->OnJobEvent("running", EpochEvent());
  const std::string text = metrics_->Text();
  EXPECT_THAT(text, HasSubstr("fintag_jobs_ended_total{state=\"FAILED\"} 20\n"));
  EXPECT_THAT(text, HasSubstr("fintag_jobs_ended_total{state=\"SUCCEEDED\"} 40\n"));
  EXPECT_THAT(text, HasSubstr("fintag_jobs_ended_total{state=\"CANCELLED\"} 0\n"));
  EXPECT_THAT(text, Not(HasSubstr("job=\"9\"")));
  EXPECT_THAT(text, HasSubstr("fintag_training_loss{job=\"10\"}"));
  EXPECT_THAT(text, HasSubstr("fintag_training_loss{job=\"running\"}"));
}

TEST_F(MetricsTest, ForgottenVersionLeavesItsSisters) {
  TellEverything();
  metrics_->OnBatch(kSecond, 8, 0.01, {});
  metrics_->OnBatch({"final", "1"}, 8, 0.01, {});
  metrics_->ForgetModel(kFirst);
  EXPECT_THAT(metrics_->Text(), Not(HasSubstr("model=\"fin\",version=\"1\"")));
  EXPECT_THAT(metrics_->Text(), HasSubstr("model=\"fin\",version=\"2\""));
  metrics_->ForgetModel({"fin", ""});
  EXPECT_THAT(metrics_->Text(), Not(HasSubstr("model=\"fin\"")));
  EXPECT_THAT(metrics_->Text(), HasSubstr("model=\"final\",version=\"1\""));
}

TEST_F(MetricsTest, GaugesThatTheScrapeLeavesOutAreGone) {
  bool loaded = true;
  metrics_->set_before_scrape([&](Metrics& metrics) {
    if (!loaded) return;
    metrics.SetQueueTokens(kFirst, 10);
    metrics.SetModelVersion(kFirst, 0.5, 1);
    metrics.SetTrainer("j", {.resident_bytes = 1, .cpu_seconds = 2});
    metrics.SetJobs("QUEUED", 3);
  });
  EXPECT_THAT(metrics_->Text(), HasSubstr("fintag_queue_tokens{model=\"fin\",version=\"1\"} 10\n"));
  EXPECT_THAT(metrics_->Text(), HasSubstr("fintag_jobs{state=\"QUEUED\"} 3\n"));
  // Told as a total at each scrape, never added up.
  EXPECT_THAT(metrics_->Text(), HasSubstr("fintag_trainer_cpu_seconds_total{job=\"j\"} 2\n"));
  metrics_->OnBatch(kFirst, 8, 0.01, {});
  loaded = false;
  const std::string text = metrics_->Text();
  EXPECT_THAT(text, Not(HasSubstr("fintag_queue_tokens{")));
  EXPECT_THAT(text, Not(HasSubstr("fintag_model_f1{")));
  EXPECT_THAT(text, Not(HasSubstr("fintag_model_created_timestamp_seconds{")));
  EXPECT_THAT(text, Not(HasSubstr("fintag_trainer_resident_memory_bytes{")));
  EXPECT_THAT(text, HasSubstr("fintag_jobs{state=\"QUEUED\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("fintag_batch_tokens_count{model=\"fin\",version=\"1\"} 1\n"));
}

TEST_F(MetricsTest, ManyThreadsTellForgetAndScrape) {
  metrics_->set_before_scrape([](Metrics& metrics) { metrics.SetQueueTokens(kFirst, 1); });
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this, i] {
      for (int round = 0; round < 200; ++round) {
        TellEverything();
        if (i == 0) metrics_->ForgetModel(kFirst);
        if (i == 1) metrics_->ForgetJob("j");
        if (i == 2) metrics_->Text();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(metrics_->Text(),
              HasSubstr("fintag_requests_total{code=\"OK\",method=\"fintag.v1.TaggingService/Tag\"} 800\n"));
}

// Every "| `name` | type |" of METRICS.md is served with that type, and nothing else is.
TEST_F(MetricsTest, PageNamesEveryFamily) {
  TellEverything();
  std::vector<std::string> served;
  std::istringstream text(metrics_->Text());
  for (std::string line; std::getline(text, line);) {
    std::istringstream words(line);
    std::string hash, kind, name, type;
    words >> hash >> kind >> name >> type;
    if (hash == "#" && kind == "TYPE") served.push_back("| `" + name + "` | " + type + " |");
  }
  std::vector<std::string> documented;
  std::ifstream page(FINTAG_TEST_DATA "/../../server/telemetry/METRICS.md");
  for (std::string line; std::getline(page, line);) {
    if (line.rfind("| `fintag_", 0) != 0 && line.rfind("| `process_", 0) != 0) continue;
    const size_t second = line.find('|', 1);
    documented.push_back(line.substr(0, line.find('|', second + 1) + 1));
  }
  EXPECT_THAT(documented, ::testing::UnorderedElementsAreArray(served));
}

}  // namespace
}  // namespace fintag::server
