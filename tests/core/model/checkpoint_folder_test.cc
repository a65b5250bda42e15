#include "core/model/checkpoint_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <string>
#include <thread>

#include "tests/core/model/temporary_folder.h"

namespace fintag {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const fs::path kGoldens = fs::path(FINTAG_TEST_DATA) / "golden" / "checkpoints";

Checkpoint Golden(const std::string& form = "safetensors") {
  auto checkpoint = ReadCheckpoint(kGoldens / form);
  EXPECT_TRUE(checkpoint.ok()) << checkpoint.status();
  return checkpoint.ok() ? *std::move(checkpoint) : Checkpoint();
}

// A copy of a golden checkpoint whose config.json may be changed.
class CheckpointCopy {
 public:
  explicit CheckpointCopy(const std::string& form) { fs::copy(kGoldens / form, path(), fs::copy_options::recursive); }
  fs::path path() const { return folder_.path(); }
  absl::Status Status() const { return ReadCheckpoint(path()).status(); }
  void SetField(const std::string& field, const json& value) {
    json config = json::parse(ReadFile(path() / "config.json"));
    config[field] = value;
    WriteFile(path() / "config.json", config.dump());
  }

 private:
  TemporaryFolder folder_;
};

class EveryForm : public ::testing::TestWithParam<std::string> {};

TEST_P(EveryForm, IsReadAsThePythonLibrariesWroteIt) {
  const json expected = json::parse(ReadFile(kGoldens / "expected.json")).at(GetParam());
  const auto checkpoint = ReadCheckpoint(kGoldens / GetParam());
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_EQ(checkpoint->config.tags, expected.at("tags").get<std::vector<std::string>>());
  ASSERT_EQ(checkpoint->tensors.size(), expected.at("tensors").size());
  for (const auto& [name, facts] : expected.at("tensors").items()) {
    ASSERT_TRUE(checkpoint->tensors.contains(name)) << name;
    const at::Tensor& tensor = checkpoint->tensors.at(name);
    EXPECT_EQ(tensor.sizes().vec(), facts.at("shape").get<std::vector<int64_t>>()) << name;
    EXPECT_EQ(tensor.scalar_type(), at::kFloat);
    EXPECT_TRUE(tensor.is_contiguous());
    const at::Tensor flat = tensor.flatten().to(at::kDouble);
    EXPECT_NEAR(flat.sum().item<double>(), facts.at("sum").get<double>(), 1e-9) << name;
    EXPECT_EQ(flat[0].item<double>(), facts.at("first").get<double>()) << name;
    EXPECT_EQ(flat[-1].item<double>(), facts.at("last").get<double>()) << name;
  }
  std::set<std::string> ignored;
  for (const std::string& note : checkpoint->notes) ignored.insert(note.substr(0, note.find(':')));
  EXPECT_EQ(ignored, expected.at("ignored").get<std::set<std::string>>());
}

INSTANTIATE_TEST_SUITE_P(Checkpoints, EveryForm,
                         ::testing::Values("safetensors", "sharded", "float16", "bfloat16", "torch_zip",
                                           "torch_zip_protocol5", "torch_legacy", "torch_float16", "bare",
                                           "gamma_beta"),
                         [](const auto& info) { return info.param; });

TEST(CheckpointFolder, TakesTransposedViewsElementByElement) {
  const Checkpoint dense = Golden("safetensors");
  const Checkpoint views = Golden("torch_zip");
  for (const auto& [name, tensor] : dense.tensors) EXPECT_TRUE(tensor.equal(views.tensors.at(name))) << name;
}

TEST(CheckpointFolder, NotesWhatItLeavesOut) {
  const std::vector<std::string> notes = Golden("gamma_beta").notes;
  EXPECT_THAT(notes, Contains("bert.pooler.dense.weight: pooler, not used"));
  EXPECT_THAT(notes, Contains("cls.predictions.bias: masked-language head, not used"));
  EXPECT_THAT(notes, Contains("cls.seq_relationship.bias: next-sentence head, not used"));
  EXPECT_THAT(Golden("torch_legacy").notes, Contains("bert.embeddings.position_ids: constant buffer, not used"));
}

TEST(CheckpointFolder, LeavesOutAClassifierOfAnotherTask) {
  CheckpointCopy copy("safetensors");
  copy.SetField("architectures", {"BertForSequenceClassification"});
  copy.SetField("id2label", {{"0", "bad"}, {"1", "good"}});
  const auto checkpoint = ReadCheckpoint(copy.path());
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_THAT(checkpoint->config.tags, IsEmpty());
  EXPECT_FALSE(checkpoint->tensors.contains("classifier.weight"));
  EXPECT_THAT(checkpoint->notes, Contains("classifier.weight: classifier without tags in config.json, not used"));
}

TEST(CheckpointFolder, NamesTheTensorThatDoesNotFit) {
  CheckpointCopy wider("safetensors");
  wider.SetField("intermediate_size", 17);
  EXPECT_EQ(wider.Status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(wider.Status().message()), HasSubstr("intermediate.dense"));
  EXPECT_THAT(std::string(wider.Status().message()), HasSubstr("[16"));
  EXPECT_THAT(std::string(wider.Status().message()), HasSubstr("[17"));
  CheckpointCopy deeper("torch_zip");
  deeper.SetField("num_hidden_layers", 3);
  EXPECT_THAT(std::string(deeper.Status().message()), HasSubstr("bert.encoder.layer.2.attention.self.query.weight"));
  CheckpointCopy shallower("torch_zip");
  shallower.SetField("num_hidden_layers", 1);
  const auto notes = ReadCheckpoint(shallower.path())->notes;
  EXPECT_THAT(notes, Contains("bert.encoder.layer.1.output.dense.bias: unexpected, not used"));
  CheckpointCopy fewer("bfloat16");
  fewer.SetField("id2label", {{"0", "O"}, {"1", "B-PER"}});
  EXPECT_THAT(std::string(fewer.Status().message()), HasSubstr("classifier."));
}

TEST(CheckpointFolder, NamesTheFieldOfAnotherArchitecture) {
  CheckpointCopy copy("safetensors");
  copy.SetField("model_type", "distilbert");
  EXPECT_EQ(copy.Status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(copy.Status().message()), HasSubstr("model_type"));
}

TEST(CheckpointFolder, ReportsMissingFilesAsNotFound) {
  EXPECT_EQ(ReadCheckpoint("/no such folder").status().code(), absl::StatusCode::kNotFound);
  for (const std::string file : {"config.json", "model-00002-of-00002.safetensors", "model.safetensors.index.json"}) {
    CheckpointCopy copy("sharded");
    fs::remove(copy.path() / file);
    EXPECT_EQ(copy.Status().code(), absl::StatusCode::kNotFound) << file << copy.Status();
  }
}

TEST(CheckpointFolder, RefusesAnIndexThatDoesNotFitItsShards) {
  const std::string index = "model.safetensors.index.json";
  for (const json& file : {json("../model.safetensors"), json("/etc/passwd"), json(".."), json(""), json(5),
                           json("model-00001-of-00002.safetensors\0x"), json("model-00002-of-00002.safetensors")}) {
    CheckpointCopy copy("sharded");
    json object = json::parse(ReadFile(copy.path() / index));
    const std::string name = "bert.embeddings.word_embeddings.weight";
    ASSERT_EQ(object["weight_map"][name], "model-00001-of-00002.safetensors");
    if (file == "model-00001-of-00002.safetensors") continue;
    object["weight_map"][name] = file;
    WriteFile(copy.path() / index, object.dump());
    EXPECT_EQ(copy.Status().code(), absl::StatusCode::kInvalidArgument) << file << copy.Status();
  }
}

TEST(CheckpointFolder, WritesWhatItReads) {
  const TemporaryFolder root;
  const fs::path folder = root.path() / "models" / "tagger";
  const Checkpoint checkpoint = Golden();
  ASSERT_TRUE(WriteCheckpoint(folder, checkpoint, kGoldens / "safetensors", {{"fintag.json", "{}"}}).ok());
  const auto again = ReadCheckpoint(folder);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(BertConfigJson(again->config), BertConfigJson(checkpoint.config));
  ASSERT_EQ(again->tensors.size(), checkpoint.tensors.size());
  for (const auto& [name, tensor] : checkpoint.tensors) EXPECT_TRUE(tensor.equal(again->tensors.at(name))) << name;
  EXPECT_THAT(again->notes, IsEmpty());
  EXPECT_EQ(ReadFile(folder / "fintag.json"), "{}");
  for (const char* file : {"vocab.txt", "tokenizer.json", "tokenizer_config.json"}) {
    EXPECT_EQ(ReadFile(folder / file), ReadFile(kGoldens / "safetensors" / file));
  }
}

TEST(CheckpointFolder, RewritesItselfWithItsOwnTokenizer) {
  const TemporaryFolder root;
  const fs::path folder = root.path() / "tagger";
  Checkpoint checkpoint = Golden();
  ASSERT_TRUE(WriteCheckpoint(folder, checkpoint, kGoldens / "safetensors", {}).ok());
  checkpoint.config.tags[0] = "OUT";
  ASSERT_TRUE(WriteCheckpoint(folder, checkpoint, folder, {}).ok());
  EXPECT_EQ(ReadCheckpoint(folder)->config.tags[0], "OUT");
  EXPECT_EQ(ReadFile(folder / "vocab.txt"), ReadFile(kGoldens / "safetensors" / "vocab.txt"));
}

TEST(CheckpointFolder, WritesNothingThatOthersCouldNotLoad) {
  const TemporaryFolder root;
  const fs::path folder = root.path() / "tagger";
  Checkpoint missing = Golden();
  missing.tensors.erase("bert.encoder.layer.1.output.dense.bias");
  const absl::Status status = WriteCheckpoint(folder, missing, {}, {});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("bert.encoder.layer.1.output.dense.bias"));
  Checkpoint headless = Golden("bare");
  ASSERT_TRUE(WriteCheckpoint(folder, headless, {}, {}).ok());
  headless.config.tags = {"O", "B-PER"};
  EXPECT_EQ(WriteCheckpoint(folder, headless, {}, {}).code(), absl::StatusCode::kInvalidArgument);
  Checkpoint extra = Golden();
  extra.tensors["more"] = at::ones({1});
  EXPECT_EQ(WriteCheckpoint(folder, extra, {}, {}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(WriteCheckpoint(folder, Golden(), kGoldens / "bare", {}).code(), absl::StatusCode::kNotFound);
  for (const char* name : {"../evil", "", ".", "..", "a/b", "config.json", "model.safetensors"}) {
    EXPECT_EQ(WriteCheckpoint(folder, Golden(), {}, {{name, ""}}).code(), absl::StatusCode::kInvalidArgument) << name;
  }
  EXPECT_THAT(ReadCheckpoint(folder)->config.tags, IsEmpty()) << "the first one must still be there";
}

TEST(CheckpointFolder, NeverDeletesWhatIsNoCheckpoint) {
  const TemporaryFolder root;
  WriteFile(root.path() / "thesis.txt", "years of work");
  EXPECT_EQ(WriteCheckpoint(root.path(), Golden(), {}, {}).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReadFile(root.path() / "thesis.txt"), "years of work");

  // Nor what lies beside a checkpoint's files, as in a clone of a hub's.
  const fs::path clone = root.path() / "clone";
  ASSERT_TRUE(WriteCheckpoint(clone, Golden(), kGoldens / "safetensors", {{"fintag.json", "{}"}}).ok());
  for (const char* other : {"README.md", "pytorch_model.bin", ".git/config", "vocab.txt.d/old"}) {
    fs::create_directories((clone / other).parent_path());
    WriteFile(clone / other, "not ours");
    const absl::Status status = WriteCheckpoint(clone, Golden(), {}, {{"fintag.json", "{}"}});
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << other;
    const std::string name = *fs::path(other).begin();
    EXPECT_THAT(std::string(status.message()), HasSubstr(clone.string() + " holds " + name + ", "));
    EXPECT_EQ(ReadFile(clone / other), "not ours");
    fs::remove_all(clone / name);
  }
  // But for what was found out of the weights that go.
  WriteFile(clone / "precision.json", "{}");
  EXPECT_TRUE(WriteCheckpoint(clone, Golden(), {}, {{"fintag.json", "{}"}}).ok());
  EXPECT_FALSE(fs::exists(clone / "precision.json"));
  EXPECT_EQ(WriteCheckpoint(clone, Golden(), {}, {}).code(), absl::StatusCode::kFailedPrecondition) << "fintag.json";
}

// All weights of version n are n, and so is the extra file.
Checkpoint Version(const Checkpoint& model, int version) {
  Checkpoint checkpoint{model.config, {}, {}};
  for (const auto& [name, tensor] : model.tensors) {
    checkpoint.tensors[name] = at::empty(tensor.sizes(), at::kFloat);
    std::fill_n(checkpoint.tensors[name].mutable_data_ptr<float>(), tensor.numel(), static_cast<float>(version));
  }
  return checkpoint;
}

[[noreturn]] void WriteForever(const fs::path& folder, const std::array<Checkpoint, 2>& versions, int first) {
  for (int version = first;; ++version) {
    const absl::Status status = WriteCheckpoint(folder, versions[version % 2], kGoldens / "safetensors",
                                                {{"version", std::to_string(version % 2)}});
    if (!status.ok()) _exit(1);
  }
}

TEST(CheckpointFolder, IsWholeAfterAKillAtAnyMoment) {
  const TemporaryFolder root;
  const fs::path folder = root.path() / "tagger";
  const Checkpoint model = Golden();
  const std::array<Checkpoint, 2> versions = {Version(model, 0), Version(model, 1)};
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(WriteCheckpoint(folder, versions[0], kGoldens / "safetensors", {{"version", "0"}}).ok());
  }
  const std::chrono::duration<double> three_writes = std::chrono::steady_clock::now() - start;
  std::mt19937 random(11);
  std::set<std::string> seen;
  int interrupted = 0;
  // Fifty kills, and on a busy machine as many more as it takes to have met both versions and an interrupted write.
  for (int round = 0; round < 50 || (round < 1000 && (seen.size() < 2 || interrupted == 0)); ++round) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) WriteForever(folder, versions, round);
    std::this_thread::sleep_for(three_writes * (random() / 4294967296.0));
    ASSERT_EQ(kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the writer failed";
    interrupted += fs::exists(root.path() / ".tagger.new");

    const auto checkpoint = ReadCheckpoint(folder);
    ASSERT_TRUE(checkpoint.ok()) << "round " << round << ": " << checkpoint.status();
    const std::string version = ReadFile(folder / "version");
    seen.insert(version);
    for (const auto& [name, tensor] : checkpoint->tensors) {
      ASSERT_TRUE((tensor == std::stof(version)).all().item<bool>()) << "round " << round << ": " << name;
    }
    ASSERT_TRUE(fs::exists(folder / "vocab.txt"));
  }
  EXPECT_EQ(seen.size(), 2);
  EXPECT_GT(interrupted, 0);
  ASSERT_TRUE(WriteCheckpoint(folder, versions[1], kGoldens / "safetensors", {{"version", "1"}}).ok());
  EXPECT_FALSE(fs::exists(root.path() / ".tagger.new"));
}

}  // namespace
}  // namespace fintag
