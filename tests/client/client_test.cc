#include "client/client.h"

#include <fintag/v1/tagging.grpc.pb.h>
#include <fintag/v1/training.grpc.pb.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "client/channel.h"
#include "client/connection.h"
#include "client/traceparent.h"
#include "tests/client/fake_server.h"

namespace fintag::client {
namespace {

class FakeTraining final : public fintag::v1::TrainingService::Service {
 public:
  grpc::Status CreateJob(grpc::ServerContext*, const fintag::v1::CreateJobRequest* request,
                         fintag::v1::Job* response) override {
    created.push_back(*request);
    if (created.size() <= refusals.size()) return refusals[created.size() - 1];
    response->set_name("jobs/j1");
    return grpc::Status::OK;
  }
  grpc::Status GetJob(grpc::ServerContext* context, const fintag::v1::GetJobRequest* request,
                      fintag::v1::Job* response) override {
    const auto trace = context->client_metadata().find("traceparent");
    traces.emplace_back(trace->second.data(), trace->second.size());
    if (request->name() != "jobs/j1") return Detailed(grpc::StatusCode::NOT_FOUND, "no " + request->name());
    response->set_name(request->name());
    response->set_state(watches > 2 ? fintag::v1::JOB_STATE_SUCCEEDED : fintag::v1::JOB_STATE_RUNNING);
    return grpc::Status::OK;
  }
  grpc::Status ListJobs(grpc::ServerContext*, const fintag::v1::ListJobsRequest* request,
                        fintag::v1::ListJobsResponse* response) override {
    const int first = request->page_token().empty() ? 0 : std::stoi(request->page_token());
    for (int i = first; i < std::min({first + request->page_size(), first + 3, 7}); ++i) {
      response->add_jobs()->set_name("jobs/" + std::to_string(i));
    }
    const int next = first + response->jobs_size();
    if (next < 7) response->set_next_page_token(std::to_string(next));
    return grpc::Status::OK;
  }
  grpc::Status CancelJob(grpc::ServerContext*, const fintag::v1::CancelJobRequest*, fintag::v1::Job*) override {
    ++cancels;
    return Detailed(grpc::StatusCode::UNAVAILABLE, "stopping");
  }
  grpc::Status DeleteJob(grpc::ServerContext* context, const fintag::v1::DeleteJobRequest*,
                         fintag::v1::DeleteJobResponse*) override {
    while (!context->IsCancelled()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return grpc::Status::CANCELLED;
  }
  // Each stream breaks after two events, the third one ends the job.
  grpc::Status WatchJob(grpc::ServerContext*, const fintag::v1::WatchJobRequest* request,
                        grpc::ServerWriter<fintag::v1::JobEvent>* writer) override {
    ++watches;
    for (int64_t sequence = request->after_sequence() + 1; sequence <= request->after_sequence() + 2; ++sequence) {
      fintag::v1::JobEvent event;
      event.set_sequence(sequence);
      writer->Write(event);
    }
    return watches > 2 ? grpc::Status::OK : Detailed(grpc::StatusCode::UNAVAILABLE, "stopping");
  }

  std::vector<fintag::v1::CreateJobRequest> created;
  std::vector<grpc::Status> refusals;
  std::vector<std::string> traces;
  std::atomic<int> watches = 0;
  std::atomic<int> cancels = 0;
};

TEST(Connect, ChecksTheAddress) {
  for (const char* address :
       {"localhost:50051", "10.0.0.7:1", "[::1]:50051", "unix:/run/fintag", "a.b-c.example:65535"}) {
    EXPECT_TRUE(CheckAddress(address).ok()) << address;
  }
  for (const char* address : {"", "localhost", "localhost:", ":50051", "localhost:0", "localhost:65536", "host:x",
                              "http://host:80", "::1:50051", "unix:", "a b:80", "localhost:50051/x"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(CheckAddress(address))) << address;
  }
}

TEST(Client, TakesIdsAndFullNames) {
  FakeTraining training;
  const FakeServer server({&training});
  Client client = server.MakeClient();
  EXPECT_EQ(client.GetJob("j1")->name(), "jobs/j1");
  EXPECT_EQ(client.GetJob("jobs/j1")->name(), "jobs/j1");
  EXPECT_TRUE(absl::IsNotFound(client.GetJob("j2").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(client.GetJob("\xFF").status()));
}

TEST(Client, SendsATraceWithEveryCall) {
  FakeTraining training;
  const FakeServer server({&training});
  const std::string given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  Options options;
  options.traceparent = given;
  Client traced = server.MakeClient(options);
  EXPECT_TRUE(traced.GetJob("j1").ok() && traced.GetJob("j1").ok());
  Client fresh = server.MakeClient();
  EXPECT_TRUE(fresh.GetJob("j1").ok());
  EXPECT_TRUE(IsAnswer(fresh.GetJob("j2").status()));
  ASSERT_EQ(training.traces.size(), 4u);
  EXPECT_EQ(training.traces[0], given);
  EXPECT_EQ(training.traces[1], given);
  EXPECT_TRUE(IsTraceparent(training.traces[2])) << training.traces[2];
  EXPECT_NE(training.traces[2], training.traces[3]);
  options.traceparent = "mine";
  EXPECT_TRUE(absl::IsInvalidArgument(Client::Connect(options).status()));
}

TEST(Client, RepeatsACreationUnderOneRequestId) {
  FakeTraining training;
  training.refusals = {Detailed(grpc::StatusCode::UNAVAILABLE, "starting"),
                       Detailed(grpc::StatusCode::UNAVAILABLE, "starting")};
  const FakeServer server({&training});
  int retries = 0;
  Options options;
  options.on_retry = [&](const absl::Status& reason, absl::Duration) {
    EXPECT_FALSE(IsConnectionTrouble(reason));
    ++retries;
  };
  fintag::v1::JobSpec spec;
  spec.set_dataset("fin");
  spec.set_base("models/base/versions/1");
  const auto job = server.MakeClient(options).CreateJob(spec);
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(retries, 2);
  ASSERT_EQ(training.created.size(), 3u);
  EXPECT_EQ(training.created[0].request_id().size(), 32u);
  EXPECT_EQ(training.created[0].request_id(), training.created[2].request_id());
  EXPECT_EQ(training.created[0].spec().dataset(), "datasets/fin");
  EXPECT_EQ(training.created[0].spec().base(), "models/base/versions/1");
  EXPECT_EQ(training.created[0].spec().model(), "");  // the server names it as missing
}

TEST(Client, DoesNotRepeatWhatIsNotSafe) {
  FakeTraining training;
  const FakeServer server({&training});
  EXPECT_TRUE(absl::IsUnavailable(server.MakeClient().CancelJob("j1").status()));
  EXPECT_EQ(training.cancels, 1);
}

TEST(Client, GivesTheFieldsThatAreWrong) {
  FakeTraining training;
  training.refusals = {Detailed(grpc::StatusCode::INVALID_ARGUMENT, "two fields",
                                {{"spec.dataset", "is missing"}, {"spec.options.epochs", "must be 1 or more"}})};
  const FakeServer server({&training});
  const absl::Status status = server.MakeClient().CreateJob({}).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  const std::vector<FieldViolation> violations = FieldViolations(status);
  ASSERT_EQ(violations.size(), 2u);
  EXPECT_EQ(violations[1].field, "spec.options.epochs");
  EXPECT_EQ(violations[1].reason, "must be 1 or more");
  EXPECT_TRUE(FieldViolations(absl::InternalError("x")).empty());
}

TEST(Client, FollowsThePagesOfAList) {
  FakeTraining training;
  const FakeServer server({&training});
  Client client = server.MakeClient();
  EXPECT_EQ(client.ListJobs()->size(), 7u);
  EXPECT_EQ(client.ListJobs(4)->size(), 4u);
  EXPECT_EQ(client.ListJobs(4)->back().name(), "jobs/3");
}

TEST(Client, SaysThatAServerCannotBeReached) {
  Options options;
  options.server = "localhost:1";
  options.retry_for = absl::Milliseconds(300);
  const absl::Status status = Client::Connect(options)->ListJobs().status();
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_TRUE(IsConnectionTrouble(status));
}

TEST(Client, KeepsItsDeadline) {
  FakeTraining training;
  const FakeServer server({&training});
  Options options;
  options.timeout = absl::Milliseconds(200);
  EXPECT_TRUE(absl::IsDeadlineExceeded(server.MakeClient(options).DeleteJob("j1")));
}

TEST(Client, EndsEveryCallWhenCancelled) {
  FakeTraining training;
  const FakeServer server({&training});
  Client client = server.MakeClient();
  std::thread canceller([&] {
    absl::SleepFor(absl::Milliseconds(100));
    client.CancelAll();
  });
  EXPECT_TRUE(absl::IsCancelled(client.DeleteJob("j1")));
  canceller.join();
  EXPECT_TRUE(absl::IsCancelled(client.GetJob("j1").status()));
}

class FakeTagging final : public fintag::v1::TaggingService::Service {
 public:
  grpc::Status Tag(grpc::ServerContext*, const fintag::v1::TagRequest* given, fintag::v1::TagResponse*) override {
    request = *given;
    return ++tags == 1 ? first_answer : grpc::Status::OK;
  }

  fintag::v1::TagRequest request;
  std::atomic<int> tags = 0;
  grpc::Status first_answer;
};

TEST(Tag, WaitsForAFullServerAsLongAsItSays) {
  FakeTagging tagging;
  tagging.first_answer = Detailed(grpc::StatusCode::RESOURCE_EXHAUSTED, "full", {}, absl::Milliseconds(700));
  const FakeServer server({&tagging});
  const absl::Time start = absl::Now();
  EXPECT_TRUE(server.MakeClient().Tag("tagger", {"text"}).ok());
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(700));
  EXPECT_EQ(tagging.tags, 2);
}

TEST(Tag, IsCancelledWhileItWaitsForAFullServer) {
  FakeTagging tagging;
  tagging.first_answer = Detailed(grpc::StatusCode::RESOURCE_EXHAUSTED, "full", {}, absl::Seconds(8));
  const FakeServer server({&tagging});
  Client client = server.MakeClient();
  std::thread canceller([&] {
    while (tagging.tags == 0) absl::SleepFor(absl::Milliseconds(1));
    client.CancelAll();
  });
  EXPECT_TRUE(absl::IsCancelled(client.Tag("tagger", {"text"}).status()));
  canceller.join();
}

TEST(Tag, DoesNotWaitWhereThatWouldNotHelp) {
  FakeTagging tagging;
  const std::vector<std::optional<absl::Duration>> useless = {std::nullopt, absl::Seconds(12)};
  for (const std::optional<absl::Duration>& retry_after : useless) {
    tagging.first_answer = Detailed(grpc::StatusCode::RESOURCE_EXHAUSTED, "too much", {}, retry_after);
    tagging.tags = 0;
    const FakeServer server({&tagging});
    const absl::Time start = absl::Now();
    EXPECT_TRUE(absl::IsResourceExhausted(server.MakeClient().Tag("tagger", {"text"}).status()));
    EXPECT_LT(absl::Now() - start, absl::Seconds(5));
    EXPECT_EQ(tagging.tags, 1);
  }
}

TEST(TagWords, SendsSentencesAsTheyAreSplit) {
  FakeTagging tagging;
  const FakeServer server({&tagging});
  Client client = server.MakeClient();
  ASSERT_TRUE(client.TagWords("tagger", {{"New York", "Inc."}, {"Paris"}}).ok());
  EXPECT_EQ(tagging.request.model(), "models/tagger");
  ASSERT_EQ(tagging.request.inputs_size(), 2);
  ASSERT_EQ(tagging.request.inputs(0).words().words_size(), 2);
  EXPECT_EQ(tagging.request.inputs(0).words().words(0), "New York");
  EXPECT_EQ(tagging.request.inputs(1).words().words(0), "Paris");
  const absl::Status wrong = client.TagWords("tagger", {{"a"}, {"b", "c\xFF"}}).status();
  EXPECT_EQ(wrong, absl::InvalidArgumentError("sentence 2, word 2 is not UTF-8 at byte 1"));
}

TEST(WatchJob, GoesOnWhereItStood) {
  FakeTraining training;
  const FakeServer server({&training});
  int retries = 0;
  Options options;
  options.on_retry = [&](const absl::Status&, absl::Duration) { ++retries; };
  std::vector<int64_t> seen;
  const auto job = server.MakeClient(options).WatchJob("j1", 10, [&](const fintag::v1::JobEvent& event) {
    seen.push_back(event.sequence());
    return true;
  });
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(job->state(), fintag::v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(seen, (std::vector<int64_t>{11, 12, 13, 14, 15, 16}));
  EXPECT_EQ(retries, 2);
}

TEST(WatchJob, EndsWhereNoMoreIsWanted) {
  FakeTraining training;
  const FakeServer server({&training});
  Client client = server.MakeClient();
  EXPECT_TRUE(absl::IsCancelled(client.WatchJob("j1", 0, [](const auto&) { return false; }).status()));
  EXPECT_TRUE(absl::IsNotFound(client.WatchJob("j2", 0, [](const auto&) { return true; }).status()));
}

}  // namespace
}  // namespace fintag::client
