#include "client/cli/command_line.h"

#include <fintag/v1/tagging.grpc.pb.h>
#include <fintag/v1/training.grpc.pb.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <sstream>

#include "client/cli/completion.h"
#include "tests/client/fake_server.h"
#include "tests/client/test_folder.h"

namespace fintag::client {
namespace {

struct Outcome {
  int status;
  std::string out;
  std::string err;
};

Outcome RunFintag(std::vector<std::string> arguments) {
  std::vector<const char*> argv = {"fintag"};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  std::ostringstream out;
  std::ostringstream err;
  const int status = RunCommandLine(static_cast<int>(argv.size()), argv.data(), out, err);
  return {status, out.str(), err.str()};
}

class FakeTagging final : public fintag::v1::TaggingService::Service {
  grpc::Status TagStream(
      grpc::ServerContext*,
      grpc::ServerReaderWriter<fintag::v1::TagStreamResponse, fintag::v1::TagStreamRequest>* stream) override {
    fintag::v1::TagStreamRequest request;
    while (stream->Read(&request)) {
      fintag::v1::TagStreamResponse response;
      for (const auto& input : request.inputs()) {
        fintag::v1::TaggedWord& word = *response.mutable_response()->add_results()->add_words();
        word.set_text(input.text());
        word.set_tag("O");
      }
      stream->Write(response);
    }
    return grpc::Status::OK;
  }
};

// A job of two epochs that ends as `end` says.
class FakeTraining final : public fintag::v1::TrainingService::Service {
 public:
  grpc::Status CreateJob(grpc::ServerContext* context, const fintag::v1::CreateJobRequest* request,
                         fintag::v1::Job* response) override {
    spec = request->spec();
    if (spec.options().epochs() != 0) return GetJob(context, nullptr, response);
    return Detailed(grpc::StatusCode::INVALID_ARGUMENT, "wrong",
                    {{"spec.options.batch_sentences", "must be 1 or more"}});
  }
  grpc::Status GetJob(grpc::ServerContext*, const fintag::v1::GetJobRequest*, fintag::v1::Job* response) override {
    response->set_name("jobs/j1");
    *response->mutable_spec() = spec;
    response->set_state(end);
    if (end == fintag::v1::JOB_STATE_FAILED) response->set_failure_reason("out of memory");
    if (end == fintag::v1::JOB_STATE_SUCCEEDED) response->set_model_version("models/m/versions/3");
    for (int epoch = 1; epoch <= 2; ++epoch) *response->add_epochs() = Epoch(epoch);
    return grpc::Status::OK;
  }
  grpc::Status WatchJob(grpc::ServerContext*, const fintag::v1::WatchJobRequest* request,
                        grpc::ServerWriter<fintag::v1::JobEvent>* writer) override {
    for (int64_t sequence = request->after_sequence() + 1; sequence <= 4; ++sequence) {
      fintag::v1::JobEvent event;
      event.set_sequence(sequence);
      if (sequence == 1) event.mutable_training_started()->set_device("cpu");
      if (sequence == 2) event.mutable_progress()->set_epoch(1);
      if (sequence > 2) *event.mutable_epoch_finished() = Epoch(static_cast<int>(sequence) - 2);
      writer->Write(event);
    }
    return grpc::Status::OK;
  }
  static fintag::v1::EpochFinished Epoch(int number) {
    fintag::v1::EpochFinished epoch;
    epoch.set_epoch(number);
    epoch.set_train_loss(0.5 / number);
    epoch.mutable_scores()->mutable_micro()->set_f1(number == 1 ? 0.8125 : 0.75);
    epoch.mutable_unseen()->set_f1(0.375);
    epoch.mutable_unseen()->set_support(7);
    epoch.mutable_scores()->add_labels()->set_label("ORG");
    epoch.set_best(number == 1);
    return epoch;
  }

  fintag::v1::JobState end = fintag::v1::JOB_STATE_SUCCEEDED;
  fintag::v1::JobSpec spec;
};

TEST(CommandLine, KnowsWrongUsage) {
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {},
           {"nonsense"},
           {"datasets"},
           {"datasets", "upload"},
           {"datasets", "upload", "x"},
           {"jobs", "submit", "--dataset", "d"},
           {"tag", "text"},
           {"tag", "--model", "m"},
           {"tag", "--model", "m", "text", "--file", "f"},
           {"tag", "--model", "m", "--format", "xml", "t"},
           {"tag", "--model", "m", "--format", "html", "--json", "t"},
           {"completion", "tcsh"},
           {"--server", "nonsense", "jobs", "list"},
           {"--timeout", "-1", "jobs", "list"},
           {"jobs", "submit", "--dataset", "d", "--base", "b", "--model", "m", "--epochs", "many"},
           {"jobs", "submit", "--dataset", "d", "--base", "b", "--model", "m", "--validate-only", "--watch"},
           {"models", "export", "m"},
           {"jobs", "watch", "j", "--after", "-3"},
           {"jobs", "list", "extra"}}) {
    const Outcome outcome = RunFintag(arguments);
    EXPECT_EQ(outcome.status, kWrongUsage) << (arguments.empty() ? "" : arguments[0]);
    EXPECT_EQ(outcome.out, "");
    EXPECT_NE(outcome.err, "");
  }
}

TEST(CommandLine, HelpsAtEveryCommand) {
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{{"--help"},
                                                                                         {"datasets", "--help"},
                                                                                         {"datasets", "upload", "-h"},
                                                                                         {"jobs", "submit", "--help"},
                                                                                         {"tag", "--help"},
                                                                                         {"completion", "--help"}}) {
    const Outcome outcome = RunFintag(arguments);
    EXPECT_EQ(outcome.status, kDone);
    EXPECT_NE(outcome.out, "");
    EXPECT_EQ(outcome.err, "");
  }
  EXPECT_NE(RunFintag({"--help"}).out.find("Examples:"), std::string::npos);
  EXPECT_EQ(RunFintag({"--version"}).out.rfind("fintag ", 0), 0u);
}

// Each command of the tree that does something, as the words that call it.
void ListCommands(const CLI::App& app, const std::vector<std::string>& words,
                  std::vector<std::vector<std::string>>& commands) {
  const std::vector<const CLI::App*> children = app.get_subcommands([](const CLI::App*) { return true; });
  if (children.empty()) commands.push_back(words);
  for (const CLI::App* child : children) {
    std::vector<std::string> longer = words;
    longer.push_back(child->get_name());
    ListCommands(*child, longer, commands);
  }
}

TEST(CommandLine, GivesExamplesOfEveryCommand) {
  std::ostringstream nowhere;
  Session session(nowhere, nowhere);
  std::vector<std::vector<std::string>> commands;
  ListCommands(*BuildCommandLine(session), {}, commands);
  EXPECT_GT(commands.size(), 15u);
  for (std::vector<std::string>& words : commands) {
    std::string called = "\n  fintag";
    for (const std::string& word : words) called += " " + word;
    words.push_back("--help");
    const std::string help = RunFintag(words).out;
    const size_t examples = help.find("\nExamples:\n");
    ASSERT_NE(examples, std::string::npos) << called;
    const bool global = words[0] == "health" || words[0] == "completion" || words[0] == "tag" || words[0] == "bench";
    EXPECT_TRUE(global || help.find(called, examples) != std::string::npos) << called;
  }
}

TEST(CommandLine, SaysWhatToCheckWhereTheServerIsNotThere) {
  const Outcome outcome = RunFintag({"jobs", "list", "--server", "localhost:1", "--timeout", "0.3"});
  EXPECT_EQ(outcome.status, kFailed);
  EXPECT_EQ(outcome.out, "");
  EXPECT_NE(outcome.err.find("cannot reach a server at localhost:1 (Connection refused): is fintagd running there?"),
            std::string::npos)
      << outcome.err;
  EXPECT_NE(outcome.err.find("FINTAG_SERVER"), std::string::npos);
}

TEST(CommandLine, GivesErrorsAsJsonToo) {
  const Outcome outcome = RunFintag({"--json", "jobs", "list", "--server", "localhost:1", "--timeout", "0.05"});
  EXPECT_EQ(outcome.status, kFailed);
  EXPECT_EQ(Json::parse(outcome.out)["error"]["code"], "UNAVAILABLE");
}

TEST(JobsSubmit, SetsOnlyTheOptionsGiven) {
  FakeTraining training;
  const FakeServer server({&training});
  const Outcome outcome = RunFintag({"jobs",
                                     "submit",
                                     "--dataset",
                                     "d",
                                     "--base",
                                     "b/versions/2",
                                     "--model",
                                     "m",
                                     "--epochs",
                                     "2",
                                     "--learning-rate",
                                     "1e-4",
                                     "--schedule",
                                     "constant",
                                     "--keep",
                                     "last",
                                     "--no-shuffle",
                                     "--processes",
                                     "4",
                                     "--seed",
                                     "18446744073709551615",
                                     "--server",
                                     server.address()});
  EXPECT_EQ(outcome.status, kDone) << outcome.err;
  EXPECT_EQ(outcome.out,
            "Submitted jobs/j1 (SUCCEEDED). Watch it: fintag jobs watch j1 --server " + server.address() + "\n");
  const fintag::v1::TrainingOptions& options = training.spec.options();
  EXPECT_EQ(training.spec.base(), "models/b/versions/2");
  EXPECT_EQ(options.epochs(), 2);
  EXPECT_EQ(options.learning_rate(), 1e-4);
  EXPECT_EQ(options.schedule(), fintag::v1::SCHEDULE_CONSTANT);
  EXPECT_EQ(options.keep(), fintag::v1::KEEP_CHECKPOINT_LAST);
  EXPECT_EQ(options.seed(), 18446744073709551615u);
  EXPECT_TRUE(options.has_shuffle() && !options.shuffle());
  EXPECT_EQ(options.processes(), 4);
  EXPECT_FALSE(options.has_batch_sentences() || options.has_dropout() || options.has_device());
}

TEST(JobsSubmit, TellsHowToWatchAsItCanBeTyped) {
  FakeTraining training;
  const FakeServer server({&training});
  const TestFolder folder;
  const std::string token = folder.Write("my token", "secret");
  const std::vector<std::string> submit = {
      "jobs",     "submit", "--dataset",    "d",   "--base",          "b", "--model", "m",
      "--epochs", "2",      "--token-file", token, "--insecure-token"};
  setenv("FINTAG_SERVER", server.address().c_str(), 1);
  const Outcome outcome = RunFintag(submit);
  EXPECT_EQ(outcome.out, "Submitted jobs/j1 (SUCCEEDED). Watch it: fintag jobs watch j1 --token-file '" + token +
                             "' --insecure-token\n")
      << outcome.err;
  setenv("FINTAG_TOKEN_FILE", token.c_str(), 1);
  EXPECT_NE(RunFintag(submit).out.find("fintag jobs watch j1 --insecure-token\n"), std::string::npos);
  unsetenv("FINTAG_SERVER");
  unsetenv("FINTAG_TOKEN_FILE");
}

TEST(JobsSubmit, NamesWrongFieldsByTheirOptions) {
  FakeTraining training;
  const FakeServer server({&training});
  const Outcome outcome =
      RunFintag({"jobs", "submit", "--dataset", "d", "--base", "b", "--model", "m", "--server", server.address()});
  EXPECT_EQ(outcome.status, kFailed);
  EXPECT_NE(outcome.err.find("--batch-size: must be 1 or more"), std::string::npos) << outcome.err;
}

TEST(JobsWatch, PrintsPlainLinesWhenPiped) {
  FakeTraining training;
  const FakeServer server({&training});
  const Outcome outcome = RunFintag({"jobs", "watch", "j1", "--server", server.address()});
  EXPECT_EQ(outcome.status, kDone) << outcome.err;
  EXPECT_EQ(outcome.out.find_first_of("\r\x1b"), std::string::npos);
  EXPECT_NE(outcome.out.find("    1    0.5000     0.0000   0.0000   0.8125    0.0000          0  best\n"
                             "    2    0.2500     0.0000   0.0000   0.7500    0.0000          0\n"),
            std::string::npos)
      << outcome.out;
  EXPECT_NE(outcome.out.find("SUCCEEDED  models/m/versions/3: F1 0.8125 (micro), of epoch 1\n"), std::string::npos)
      << outcome.out;
  EXPECT_NE(outcome.out.find("unseen in training     0.0000  0.0000  0.3750"), std::string::npos) << outcome.out;
}

TEST(JobsWatch, TellsTheBestEpochWhereTheLastIsKept) {
  FakeTraining training;
  training.spec.mutable_options()->set_keep(fintag::v1::KEEP_CHECKPOINT_LAST);
  const FakeServer server({&training});
  const Outcome outcome = RunFintag({"jobs", "watch", "j1", "--server", server.address()});
  EXPECT_NE(outcome.out.find("F1 0.7500 (micro), of epoch 2 (the best: F1 0.8125, of epoch 1)\n"), std::string::npos)
      << outcome.out;
}

TEST(JobsWatch, FailsWithTheJob) {
  FakeTraining training;
  training.end = fintag::v1::JOB_STATE_FAILED;
  const FakeServer server({&training});
  const Outcome failed = RunFintag({"jobs", "watch", "j1", "--server", server.address()});
  EXPECT_EQ(failed.status, kFailed);
  EXPECT_NE(failed.out.find("FAILED  jobs/j1: out of memory"), std::string::npos) << failed.out;
  training.end = fintag::v1::JOB_STATE_CANCELLED;
  EXPECT_EQ(RunFintag({"jobs", "watch", "j1", "--server", server.address()}).status, kFailed);
}

TEST(JobsWatch, WritesJsonLines) {
  FakeTraining training;
  const FakeServer server({&training});
  const Outcome outcome = RunFintag({"jobs", "watch", "j1", "--after", "2", "--json", "--server", server.address()});
  EXPECT_EQ(outcome.status, kDone);
  std::istringstream lines(outcome.out);
  std::vector<Json> events;
  for (std::string line; std::getline(lines, line);) events.push_back(Json::parse(line));
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0]["job"], "jobs/j1");
  EXPECT_EQ(events[0]["sequence"], 3);
  EXPECT_EQ(events[0]["epoch_finished"]["best"], true);
}

TEST(TagFile, NamesTheLinesThatFail) {
  FakeTagging tagging;
  const FakeServer server({&tagging});
  const TestFolder folder;
  const std::string file = folder.Write("text", "one\n\xFF\n\xFF\ntwo\n");
  const Outcome outcome =
      RunFintag({"tag", "--model", "m", "--file", file, "--format", "conll", "--server", server.address()});
  EXPECT_EQ(outcome.status, kFailed);
  EXPECT_EQ(outcome.out, "one\tO\n\ntwo\tO\n\n");
  EXPECT_EQ(outcome.err, "lines 2-3: the line is not UTF-8 at byte 0\n2 of 4 lines failed\n");
  const Outcome json = RunFintag({"tag", "--model", "m", "--file", file, "--json", "--server", server.address()});
  EXPECT_EQ(json.status, kFailed);
  EXPECT_EQ(Json::parse(json.out).size(), 4u);
  EXPECT_EQ(Json::parse(json.out)[1]["line"], 2);
}

TEST(Completion, KnowsEveryCommandAndOption) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const Outcome outcome = RunFintag({"completion", shell});
    EXPECT_EQ(outcome.status, kDone);
    for (const char* word :
         {"datasets upload", "jobs watch", "models export", "conll", "learning-rate", "no-shuffle", "request-id",
          "server", "health", "service", "bench", "max-outstanding", "admin backup", "completion"}) {
      EXPECT_NE(outcome.out.find(word), std::string::npos) << shell << " " << word;
    }
  }
}

// What bash offers behind `words`, of which the last is under way.
std::string BashOffers(const std::string& words) {
  const TestFolder folder;
  const std::string script = folder.Write("completion.bash", RunFintag({"completion", "bash"}).out);
  const std::string command = "bash -c 'source " + script + "; COMP_WORDS=(" + words +
                              "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _fintag; echo ${COMPREPLY[*]}'";
  FILE* pipe = popen(command.c_str(), "r");
  std::string offers;
  for (int letter; (letter = fgetc(pipe)) != EOF;) offers += static_cast<char>(letter);
  pclose(pipe);
  return offers;
}

TEST(Completion, WorksInBash) {
  EXPECT_EQ(BashOffers("fintag da"), "datasets\n");
  EXPECT_EQ(BashOffers("fintag jobs s"), "submit show\n");
  EXPECT_EQ(BashOffers("fintag --json jobs watch --af"), "--after\n");
  EXPECT_EQ(BashOffers("fintag tag --format h"), "html\n");
  EXPECT_EQ(BashOffers("fintag jobs submit --keep \"\""), "best last\n");
  EXPECT_EQ(BashOffers("fintag jobs submit --sched"), "--schedule\n");
  EXPECT_EQ(BashOffers("fintag bench --protocol \"\""), "fintag inference\n");
  EXPECT_EQ(BashOffers("fintag completion z"), "zsh\n");
  const TestFolder folder;
  const std::string file = folder.Write("fintag.tar", "");
  for (const char* command : {"admin backup ", "audit verify "}) {
    EXPECT_EQ(BashOffers("fintag " + (command + folder.Path("fin"))), file + "\n");
  }
}

}  // namespace
}  // namespace fintag::client
