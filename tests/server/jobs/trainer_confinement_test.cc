// What a running trainer has and may do (JOB_FOLDER.md), read from /proc of the real fintag-train.
#include <gmock/gmock.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <set>
#include <sstream>

#include "absl/strings/str_split.h"
#include "tests/core/tagging/tiny_checkpoint.h"
#include "tests/server/jobs/queue_fixture.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FINTAG_HAS_SHADOW 1  // a sanitizer's shadow counts as memory, and there is more of it than there is memory
#else
#define FINTAG_HAS_SHADOW 0
#endif

namespace fintag::server {
namespace {

namespace fs = std::filesystem;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class TrainerConfinementTest : public QueueFixture {
 protected:
  TrainerConfinementTest() { options_.trainer = FINTAG_TRAINER; }

  // A job that trains until it is cancelled; its id.
  std::string StartTraining() {
    StartQueue();
    Job job = Specification(FakeTrainer::kSucceed);
    job.options.epochs = 1000;
    job.options.threads = 1;
    const std::string id = queue_->Create(job).value().id;
    WaitForEpochs(id, 1);
    process_ = fs::path("/proc") / std::to_string(std::stoi(FileText(Folder(id) / "trainer.pid")));
    return id;
  }

  // The line of /proc/PID/`file` that starts with `name`.
  std::string Line(const std::string& file, const std::string& name) const {
    std::istringstream lines(FileText(process_ / file));
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with(name)) return line;
    }
    return "no line " + name;
  }

  // The hard limit, the soft one being the same.
  std::string Limit(const std::string& name) const {
    std::istringstream words(Line("limits", name).substr(25));
    std::string soft, hard;
    words >> soft >> hard;
    EXPECT_EQ(soft, hard) << name;
    return hard;
  }

  fs::path process_;
};

TEST_F(TrainerConfinementTest, GainsNoPrivilegesAndWritesForItselfAlone) {
  const std::string id = StartTraining();
  EXPECT_EQ(Line("status", "NoNewPrivs:"), "NoNewPrivs:\t1");
  EXPECT_EQ(Line("status", "Umask:"), "Umask:\t0077");
  EXPECT_EQ(fs::status(Folder(id) / "checkpoint" / "model.safetensors").permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
  const std::string stat = FileText(process_ / "stat");
  const std::vector<std::string> fields = absl::StrSplit(stat.substr(stat.rfind(')') + 2), ' ');
  EXPECT_EQ(std::stoi(fields[16]), std::min(getpriority(PRIO_PROCESS, 0) + 5, 19));  // field 19, the first two cut off
}

TEST_F(TrainerConfinementTest, WorksInItsFolderAndHasNothingElseOpen) {
  const fs::path folder = fs::canonical(Folder(StartTraining()));
  EXPECT_EQ(fs::read_symlink(process_ / "cwd"), folder);
  std::set<fs::path> files;
  for (const auto& entry : fs::directory_iterator(process_ / "fd")) files.insert(fs::read_symlink(entry.path()));
  for (const fs::path& file : files) {
    EXPECT_THAT(file.string(), AnyOf("/dev/null", StartsWith(folder.string() + "/")));
  }
  EXPECT_TRUE(files.contains(folder / "events.log"));
  EXPECT_TRUE(files.contains(folder / "trainer.lock"));
}

TEST_F(TrainerConfinementTest, SeesOfTheEnvironmentWhatBearsOnComputing) {
  setenv("AWS_SECRET_ACCESS_KEY", "hush", 1);
  setenv("FINTAG_TOKEN", "hush", 1);
  setenv("OMP_WAIT_POLICY", "passive", 1);
  const fs::path folder = fs::canonical(Folder(StartTraining()));
  for (const char* name : {"AWS_SECRET_ACCESS_KEY", "FINTAG_TOKEN", "OMP_WAIT_POLICY"}) unsetenv(name);
  const std::string text = FileText(process_ / "environ");
  EXPECT_EQ(text.find("hush"), std::string::npos);
  std::set<std::string> variables;
  for (const std::string& variable : std::vector<std::string>(absl::StrSplit(text, '\0'))) variables.insert(variable);
  EXPECT_TRUE(variables.contains("OMP_WAIT_POLICY=passive"));
  EXPECT_TRUE(variables.contains("TMPDIR=" + folder.string()));
  EXPECT_TRUE(variables.contains("PATH=" + std::string(getenv("PATH"))));
  for (const std::string& variable : variables) EXPECT_FALSE(variable.starts_with("HOME="));
}

TEST_F(TrainerConfinementTest, IsHeldToItsLimits) {
  if (!FINTAG_HAS_SHADOW) options_.limits.memory_bytes = int64_t{3} << 30;
  StartTraining();
  EXPECT_EQ(Limit("Max core file size"), "0");
  EXPECT_LE(std::stoll(Limit("Max open files")), 4096);
  EXPECT_LE(std::stoll(Limit("Max file size")), int64_t{16} << 30);
  const std::string memory = FINTAG_HAS_SHADOW ? "unlimited" : std::to_string(int64_t{3} << 30);
  EXPECT_EQ(Limit("Max data size"), memory);
}

TEST_F(TrainerConfinementTest, FailsWithOutOfMemoryPastItsLimit) {
  if (FINTAG_HAS_SHADOW) GTEST_SKIP() << "needs a build without sanitizers";
  const fs::path import = models_->MakeIncomingFolder().value();
  TinyCheckpoint large;
  large.classifier = false;
  large.max_positions = 1'500'000;  // 96 MB of weights, four times as much in training
  WriteTinyCheckpoint(import, large);
  ASSERT_TRUE(models_->Add("large", import, {}, "").ok());
  options_.limits.memory_bytes = int64_t{192} << 20;
  StartQueue();
  Job job = Specification(FakeTrainer::kSucceed);
  job.base = "models/large/versions/1";
  const StateChanged end = FinalState(queue_->Create(job).value().id);
  EXPECT_EQ(end.state, "FAILED");
  EXPECT_THAT(end.reason, HasSubstr("out of memory"));
}

}  // namespace
}  // namespace fintag::server
