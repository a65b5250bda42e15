#include <fintag/v1/tagging.grpc.pb.h>
#include <google/rpc/error_details.pb.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "absl/time/clock.h"
#include "client/client.h"
#include "client/line_batches.h"
#include "tests/client/fake_server.h"
#include "tests/client/test_folder.h"

namespace fintag::client {
namespace {

// Tags a text with one entity that holds the whole of it.
void TagAll(const google::protobuf::RepeatedPtrField<fintag::v1::TextInput>& inputs,
            fintag::v1::TagResponse& response) {
  response.set_model_version("models/m/versions/1");
  for (const auto& input : inputs) response.add_results()->add_entities()->set_text(input.text());
}

class FakeTagging final : public fintag::v1::TaggingService::Service {
 public:
  grpc::Status Tag(grpc::ServerContext*, const fintag::v1::TagRequest* request,
                   fintag::v1::TagResponse* response) override {
    ++tags;
    for (const auto& input : request->inputs()) {
      if (input.text() == "bad") return {grpc::StatusCode::INVALID_ARGUMENT, "inputs[0]: bad"};
    }
    if (full_tags-- > 0) return full;
    TagAll(request->inputs(), *response);
    return grpc::Status::OK;
  }

  grpc::Status TagStream(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<fintag::v1::TagStreamResponse, fintag::v1::TagStreamRequest>* stream) override {
    ++streams;
    if (full_streams-- > 0) return full;
    fintag::v1::TagStreamRequest request;
    for (int64_t number = 1; stream->Read(&request); ++number) {
      largest_request = std::max<int>(largest_request, request.inputs_size());
      fintag::v1::TagStreamResponse response;
      response.set_request(number);
      const bool bad = std::any_of(request.inputs().begin(), request.inputs().end(),
                                   [](const auto& input) { return input.text() == "bad"; });
      if (request.model() == "models/none") {
        response.mutable_error()->set_code(grpc::StatusCode::NOT_FOUND);
        response.mutable_error()->set_message("no model none");
      } else if (bad) {
        response.mutable_error()->set_code(grpc::StatusCode::INVALID_ARGUMENT);
        response.mutable_error()->set_message("inputs[1]: bad");
        google::rpc::BadRequest details;
        details.add_field_violations()->set_field("inputs[1]");
        response.mutable_error()->add_details()->PackFrom(details);
      } else if (number % 3 == 0 && full_every_third) {
        response.mutable_error()->ParseFromString(full.error_details());
      } else {
        TagAll(request.inputs(), *response.mutable_response());
      }
      while (number == silent_at && !context->IsCancelled()) absl::SleepFor(absl::Milliseconds(5));
      if (slow) absl::SleepFor(absl::Milliseconds(200));
      if (break_at > 0 && number == break_at && streams <= 2) return {grpc::StatusCode::UNAVAILABLE, "stopping"};
      stream->Write(response);
    }
    return grpc::Status::OK;
  }

  std::atomic<int> tags = 0;
  std::atomic<int> streams = 0;
  std::atomic<int> largest_request = 0;
  std::atomic<int> full_tags = 0;
  std::atomic<int> full_streams = 0;
  grpc::Status full = Detailed(grpc::StatusCode::RESOURCE_EXHAUSTED, "the queue is full", {}, absl::Milliseconds(20));
  bool full_every_third = false;
  bool slow = false;
  int64_t break_at = 0;
  int64_t silent_at = 0;
};

std::string Numbered(int lines) {
  std::string text;
  for (int i = 1; i <= lines; ++i) text += "line " + std::to_string(i) + "\n";
  return text;
}

struct Tagged {
  absl::Status status;
  std::vector<TaggedLine> lines;
};

Tagged TagText(const FakeServer& server, const std::string& text, const TagLinesOptions& options = {},
               const std::string& model = "m", const Options& client_options = {}) {
  const TestFolder folder;
  auto source = OpenLines(folder.Write("text", text), 1000);
  Tagged tagged;
  tagged.status = server.MakeClient(client_options).TagLines(model, **source, options, [&](TaggedLine line) {
    tagged.lines.push_back(std::move(line));
    return true;
  });
  return tagged;
}

// Every line there once, in order, with its own result.
void ExpectWhole(const Tagged& tagged, int lines) {
  ASSERT_TRUE(tagged.status.ok()) << tagged.status;
  ASSERT_EQ(tagged.lines.size(), static_cast<size_t>(lines));
  for (int i = 0; i < lines; ++i) {
    const TaggedLine& line = tagged.lines[static_cast<size_t>(i)];
    EXPECT_EQ(line.number, i + 1);
    EXPECT_EQ(line.text, "line " + std::to_string(i + 1));
    ASSERT_TRUE(line.result.ok()) << line.result.status();
    EXPECT_EQ(line.result->entities(0).text(), line.text);
  }
}

TEST(TagLines, KeepsTheOrderOfManyBatches) {
  FakeTagging tagging;
  const FakeServer server({&tagging});
  ExpectWhole(TagText(server, Numbered(1000)), 1000);
  EXPECT_EQ(tagging.largest_request, 64);
  EXPECT_EQ(tagging.streams, 1);
}

TEST(TagLines, TakesAnEmptyFile) {
  FakeTagging tagging;
  const FakeServer server({&tagging});
  ExpectWhole(TagText(server, ""), 0);
}

TEST(TagLines, SendsAgainWhatAFullServerRefused) {
  FakeTagging tagging;
  tagging.full_every_third = true;
  tagging.full_tags = 3;
  const FakeServer server({&tagging});
  ExpectWhole(TagText(server, Numbered(500)), 500);
}

TEST(TagLines, WaitsUntilAFullServerTakesTheStream) {
  FakeTagging tagging;
  tagging.full_streams = 2;
  const FakeServer server({&tagging});
  ExpectWhole(TagText(server, Numbered(100)), 100);
  EXPECT_EQ(tagging.streams, 3);
}

TEST(TagLines, DoesNotWaitWhereThatWouldNotHelp) {
  FakeTagging tagging;
  tagging.full_streams = 1;
  tagging.full = Detailed(grpc::StatusCode::RESOURCE_EXHAUSTED, "too much");
  const FakeServer server({&tagging});
  EXPECT_TRUE(absl::IsResourceExhausted(TagText(server, Numbered(100)).status));
  EXPECT_EQ(tagging.streams, 1);
  tagging.full_every_third = true;
  const Tagged tagged = TagText(server, Numbered(200));
  EXPECT_TRUE(tagged.status.ok()) << tagged.status;
  EXPECT_TRUE(absl::IsResourceExhausted(tagged.lines[150].result.status()));
  EXPECT_EQ(tagging.tags, 0);
}

// The refusal is older than the time that retries may take, when the first line comes.
TEST(TagLines, DoesNotCountTheTimeThatItsInputWasSilent) {
  FakeTagging tagging;
  tagging.full_streams = 1;
  const FakeServer server({&tagging});
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  auto source = OpenLines("/dev/fd/" + std::to_string(ends[0]));
  std::thread writer([&] {
    EXPECT_EQ(write(ends[1], "\n", 1), 1);  // nothing to ask a server for
    absl::SleepFor(absl::Milliseconds(700));
    EXPECT_EQ(write(ends[1], "one\n", 4), 4);
    close(ends[1]);
  });
  Options options;
  options.retry_for = absl::Milliseconds(500);
  int seen = 0;
  const absl::Status status =
      server.MakeClient(options).TagLines("m", **source, {}, [&](const TaggedLine&) { return ++seen > 0; });
  writer.join();
  close(ends[0]);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(seen, 2);
}

TEST(TagLines, IsCancelledWhileItsInputIsSilent) {
  FakeTagging tagging;
  const FakeServer server({&tagging});
  for (const std::string begin : {"", "one\n"}) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    ASSERT_EQ(write(ends[1], begin.data(), begin.size()), static_cast<ssize_t>(begin.size()));
    auto source = OpenLines("/dev/fd/" + std::to_string(ends[0]));
    Client client = server.MakeClient();
    std::thread stop([&] {
      absl::SleepFor(absl::Milliseconds(300));
      client.CancelAll();
    });
    const absl::Status status = client.TagLines("m", **source, {}, [](const TaggedLine&) { return true; });
    stop.join();
    EXPECT_TRUE(absl::IsCancelled(status)) << status;
    close(ends[0]);
    close(ends[1]);
  }
}

TEST(TagLines, BoundsTheWaitForEachAnswerNotTheWhole) {
  FakeTagging tagging;
  tagging.slow = true;
  const FakeServer server({&tagging});
  Options options;
  options.timeout = absl::Seconds(1);
  ExpectWhole(TagText(server, Numbered(500), {}, "m", options), 500);  // 8 batches, 1.6 s
  tagging.silent_at = 3;
  const Tagged tagged = TagText(server, Numbered(500), {}, "m", options);
  EXPECT_TRUE(absl::IsDeadlineExceeded(tagged.status)) << tagged.status;
  EXPECT_EQ(tagged.lines.size(), 128u);
}

TEST(TagLines, OpensABrokenStreamAgain) {
  FakeTagging tagging;
  tagging.break_at = 3;
  const FakeServer server({&tagging});
  ExpectWhole(TagText(server, Numbered(900)), 900);
  EXPECT_EQ(tagging.streams, 3);
}

TEST(TagLines, LosesOnlyTheLinesThatFail) {
  FakeTagging tagging;
  const FakeServer server({&tagging});
  const Tagged tagged =
      TagText(server, "one\nbad\n\nm\xFF\n" + std::string(2000, 'x') + "\r\nsix\r\n \t\nlast without end");
  ASSERT_TRUE(tagged.status.ok()) << tagged.status;
  ASSERT_EQ(tagged.lines.size(), 8u);
  EXPECT_TRUE(tagged.lines[0].result.ok());
  EXPECT_TRUE(absl::IsInvalidArgument(tagged.lines[1].result.status()));
  EXPECT_TRUE(tagged.lines[2].result.ok() && tagged.lines[2].model_version.empty());
  EXPECT_EQ(tagged.lines[3].result.status().message(), "the line is not UTF-8 at byte 1");
  EXPECT_TRUE(absl::IsInvalidArgument(tagged.lines[4].result.status()));
  EXPECT_EQ(tagged.lines[5].result->entities(0).text(), "six");
  EXPECT_TRUE(tagged.lines[6].result.ok());
  EXPECT_EQ(tagged.lines[7].result->entities(0).text(), "last without end");
}

TEST(TagLines, ErrorsOfTheStreamKeepTheirDetails) {
  FakeTagging tagging;
  const FakeServer server({&tagging});
  const Tagged tagged = TagText(server, "bad");
  ASSERT_EQ(tagged.lines.size(), 1u);
  const std::vector<FieldViolation> violations = FieldViolations(tagged.lines[0].result.status());
  ASSERT_EQ(violations.size(), 1u);
  EXPECT_EQ(violations[0].field, "inputs[1]");
}

TEST(TagLines, EndsAtAnErrorThatMeetsEveryLine) {
  FakeTagging tagging;
  const FakeServer server({&tagging});
  const Tagged tagged = TagText(server, Numbered(1000), {}, "none");
  EXPECT_TRUE(absl::IsNotFound(tagged.status));
  EXPECT_TRUE(tagged.lines.empty());
}

TEST(TagLines, EndsWhereNoMoreIsWanted) {
  FakeTagging tagging;
  const FakeServer server({&tagging});
  const TestFolder folder;
  auto source = OpenLines(folder.Write("text", Numbered(5000)));
  int seen = 0;
  const absl::Status status =
      server.MakeClient().TagLines("m", **source, {}, [&](const TaggedLine&) { return ++seen < 10; });
  EXPECT_TRUE(absl::IsCancelled(status));
  EXPECT_EQ(seen, 10);
}

TEST(TagLines, SaysThatTheServerIsNotThere) {
  Options options;
  options.server = "localhost:1";
  options.retry_for = absl::Milliseconds(300);
  const TestFolder folder;
  auto source = OpenLines(folder.Write("text", Numbered(5000)));
  EXPECT_TRUE(IsConnectionTrouble(
      Client::Connect(options)->TagLines("m", **source, {}, [](const TaggedLine&) { return true; })));
}

TEST(LineBatches, KeepsToLinesAndBytes) {
  const TestFolder folder;
  TagLinesOptions options;
  options.batch_lines = 3;
  options.batch_bytes = 10;
  auto source = OpenLines(folder.Write("text", "1\n2\n3\n4\n12345678\n" + std::string(30, 'x') + "\n1\n"));
  LineBatches batches(**source, options);
  std::vector<size_t> sizes;
  for (Batch batch; *batches.Next(batch);) sizes.push_back(batch.lines.size());
  EXPECT_EQ(sizes, (std::vector<size_t>{3, 2, 1, 1}));
}

TEST(OpenLines, NamesTheFileThatIsNotThere) { EXPECT_TRUE(absl::IsNotFound(OpenLines("/nowhere/text").status())); }

TEST(OpenLines, DoesNotHoldBackWhatAPipeGave) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  auto source = OpenLines("/dev/fd/" + std::to_string(ends[0]));
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_TRUE((*source)->MustWait());
  ASSERT_EQ(write(ends[1], "one\n", 4), 4);
  LineBatches batches(**source, {});
  Batch batch;
  ASSERT_TRUE(*batches.Next(batch));  // although the pipe is still open
  EXPECT_EQ(batch.lines.front().text, "one");
  std::thread stopper([&] {
    absl::SleepFor(absl::Milliseconds(50));
    (*source)->Stop();
  });
  EXPECT_FALSE(*batches.Next(batch));
  stopper.join();
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace fintag::client
