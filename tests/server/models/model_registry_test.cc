#include "server/models/model_registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <thread>

#include "core/training/sha256.h"
#include "server/storage/stored_bytes.h"
#include "tests/server/storage/temporary_folder.h"

namespace fintag::server {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

fs::path Golden(const std::string& name) { return fs::path(FINTAG_TEST_DATA) / "golden" / "checkpoints" / name; }

class ModelRegistryTest : public testing::Test {
 protected:
  ModelRegistryTest() { Reopen(); }

  void Reopen() {
    registry_.reset();
    database_.reset();
    database_ = Database::Open(folder_.path() / "fintag.db").value();
    absl::StatusOr<std::unique_ptr<ModelRegistry>> opened = ModelRegistry::Open(*database_, root());
    ASSERT_TRUE(opened.ok()) << opened.status();
    registry_ = *std::move(opened);
  }

  fs::path Tagger() {
    const fs::path incoming = registry_->MakeIncomingFolder().value();
    fs::copy(Golden("safetensors"), incoming, fs::copy_options::recursive);
    return incoming;
  }

  // Its weights are a pytorch_model.bin or safetensors without a classifier.
  fs::path Encoder() {
    const fs::path incoming = registry_->MakeIncomingFolder().value();
    fs::copy(Golden("bare"), incoming, fs::copy_options::recursive);
    fs::copy_file(Golden("safetensors") / "vocab.txt", incoming / "vocab.txt", fs::copy_options::overwrite_existing);
    return incoming;
  }

  absl::StatusOr<ModelVersion> Add(const std::string& id, const fs::path& incoming, const ModelOrigin& origin = {},
                                   const std::string& request_id = "") {
    absl::StatusOr<ModelVersion> version = registry_->Add(id, incoming, origin, request_id);
    EXPECT_FALSE(fs::exists(incoming));
    return version;
  }

  void InsertJob(const std::string& id, const std::string& state, const std::string& base) {
    ASSERT_TRUE(database_
                    ->Execute("INSERT INTO jobs (id, state, dataset, base, model, options, request_id, create_time_ms, "
                              "start_time_ms, end_time_ms, failure_reason, model_version, log_closed) "
                              "VALUES (?, ?, '', ?, '', '{}', '', 0, 0, 0, '', '', 0)",
                              {id, state, base})
                    .ok());
  }

  fs::path root() const { return folder_.path() / "models"; }

  TemporaryFolder folder_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<ModelRegistry> registry_;
};

TEST_F(ModelRegistryTest, DescribesATaggerAndKeepsItOverARestart) {
  ModelOrigin origin;
  origin.owner = "ann";
  origin.job = "jobs/j1";
  origin.base = "models/base/versions/1";
  origin.dataset = "datasets/fin";
  origin.scores = Scores{};
  origin.scores->micro.f1 = 0.8125;
  origin.scores->labels.push_back({"ORG", 0.5, 0.25, 1.0 / 3, 8, 4, 2});
  origin.scores->words = 99;
  origin.unseen = EntityScores{"", 0.1, 0.2, 0.3, 4, 5, 6};
  origin.word_lookup = Scores{};
  origin.word_lookup->accuracy = 0.75;
  const absl::StatusOr<ModelVersion> added = Add("fin", Tagger(), origin);
  ASSERT_TRUE(added.ok()) << added.status();
  Reopen();
  const absl::StatusOr<Model> model = registry_->Get("fin");
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->id, "fin");
  ASSERT_THAT(model->versions, SizeIs(1));
  const ModelVersion& version = model->versions[0];
  EXPECT_EQ(version.name(), "models/fin/versions/1");
  EXPECT_EQ(version.owner, "ann");
  EXPECT_EQ(StoredBytes(*database_, "ann").value(), version.size_bytes);
  EXPECT_EQ(version.create_time_ms, added->create_time_ms);
  EXPECT_FALSE(version.is_base());
  EXPECT_THAT(version.tags, Contains("B-ORG"));
  EXPECT_EQ(version.architecture.model_type, "bert");
  EXPECT_EQ(version.architecture.layers, 2);
  EXPECT_EQ(version.architecture.hidden_size, 8);
  EXPECT_EQ(version.architecture.heads, 2);
  EXPECT_EQ(version.architecture.intermediate_size, 16);
  EXPECT_EQ(version.architecture.vocabulary_size, 41);
  EXPECT_EQ(version.architecture.max_positions, 24);
  // Embeddings and norm 552, two layers of 600, classifier 99.
  EXPECT_EQ(version.architecture.parameters, 552 + 2 * 600 + 99);
  EXPECT_EQ(version.job, "jobs/j1");
  EXPECT_EQ(version.base, "models/base/versions/1");
  EXPECT_EQ(version.dataset, "datasets/fin");
  EXPECT_EQ(version.scores->micro.f1, 0.8125);
  EXPECT_EQ(version.scores->labels.at(0).f1, 1.0 / 3);
  EXPECT_EQ(version.scores->words, 99);
  EXPECT_EQ(version.unseen->correct, 6);
  EXPECT_EQ(version.word_lookup->accuracy, 0.75);
  EXPECT_EQ(version.weights_sha256, Sha256HexOfFile(Golden("safetensors") / "model.safetensors").value());
  int64_t size = 0;
  for (const auto& entry : fs::directory_iterator(Golden("safetensors"))) {
    size += static_cast<int64_t>(entry.file_size());
    EXPECT_EQ(FileText(registry_->Folder(version) / entry.path().filename()), FileText(entry.path()));
  }
  EXPECT_EQ(version.size_bytes, size);
}

TEST_F(ModelRegistryTest, TellsABaseEncoderFromATagger) {
  const absl::StatusOr<ModelVersion> base = Add("base", Encoder());
  ASSERT_TRUE(base.ok()) << base.status();
  EXPECT_TRUE(base->is_base());
  EXPECT_FALSE(base->scores.has_value());
  const absl::Status none = registry_->Resolve("models/base", /*tagger=*/true).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(none)) << none;
  EXPECT_TRUE(absl::IsFailedPrecondition(registry_->Resolve("models/base/versions/1", true).status()));
  EXPECT_EQ(registry_->Resolve("models/base", false)->version, 1);
}

TEST_F(ModelRegistryTest, ResolvesNamesToTheNewestVersionThatFits) {
  ASSERT_TRUE(Add("m", Tagger()).ok());
  ASSERT_TRUE(Add("m", Tagger()).ok());
  ASSERT_TRUE(Add("m", Encoder()).ok());
  EXPECT_EQ(registry_->Resolve("models/m", false)->version, 3);
  EXPECT_EQ(registry_->Resolve("models/m", true)->version, 2);
  EXPECT_EQ(registry_->Resolve("models/m/versions/1", true)->version, 1);
  EXPECT_TRUE(absl::IsNotFound(registry_->Resolve("models/m/versions/4", false).status()));
  EXPECT_TRUE(absl::IsNotFound(registry_->Resolve("models/other", false).status()));
  for (const char* name : {"m", "models/", "models/m/versions/x", "models/m/1"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(registry_->Resolve(name, false).status())) << name;
  }
}

TEST_F(ModelRegistryTest, RefusesBrokenImportsAndLeavesNothing) {
  const auto refused = [&](const char* what, const std::function<void(const fs::path&)>& damage, const char* hint) {
    SCOPED_TRACE(what);
    const fs::path incoming = Tagger();
    damage(incoming);
    const absl::Status status = Add("bad", incoming).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(hint));
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr(folder_.path().string())));
    EXPECT_TRUE(absl::IsNotFound(registry_->Get("bad").status()));
    EXPECT_FALSE(fs::exists(root() / "bad"));
  };
  refused(
      "no config", [](const fs::path& f) { fs::remove(f / "config.json"); }, "config.json");
  refused(
      "no weights", [](const fs::path& f) { fs::remove(f / "model.safetensors"); }, "model.safetensors");
  refused(
      "cut weights", [](const fs::path& f) { fs::resize_file(f / "model.safetensors", 5000); }, "model.safetensors");
  refused(
      "no tokenizer",
      [](const fs::path& f) {
        fs::remove(f / "vocab.txt");
        fs::remove(f / "tokenizer.json");
      },
      "vocab.txt");
  refused(
      "more tokens than rows",
      [](const fs::path& f) {
        fs::remove(f / "tokenizer.json");
        WriteFile(f / "vocab.txt", FileText(f / "vocab.txt") + "more\nand\nmore\n");
      },
      "vocab_size");
  refused(
      "another architecture", [](const fs::path& f) { WriteFile(f / "config.json", R"({"model_type":"t5"})"); },
      "model_type");
  refused(
      "a link", [](const fs::path& f) { fs::create_symlink("/etc/passwd", f / "passwd"); }, "passwd");
  refused(
      "a folder", [](const fs::path& f) { fs::create_directory(f / "deep"); }, "deep");
  refused(
      "a hidden file", [](const fs::path& f) { WriteFile(f / ".profile", ""); }, ".profile");
  for (const char* id : {"", "..", "A", "a/b"}) EXPECT_TRUE(absl::IsInvalidArgument(Add(id, Tagger()).status())) << id;
}

TEST_F(ModelRegistryTest, ARequestIsDoneOnce) {
  EXPECT_EQ(Add("m", Tagger(), {}, "r1")->version, 1);
  EXPECT_EQ(Add("m", Tagger(), {}, "r2")->version, 2);
  EXPECT_EQ(Add("m", Tagger(), {}, "r1")->version, 1);
  EXPECT_EQ(Add("m", Tagger())->version, 3);
  EXPECT_EQ(Add("m", Tagger())->version, 4);
  EXPECT_EQ(Add("other", Tagger(), {}, "r1")->version, 1);
  Reopen();
  EXPECT_EQ(Add("m", Tagger(), {}, "r2")->version, 2);
}

TEST_F(ModelRegistryTest, AJobMakesOneVersionWhateverHappens) {
  ModelOrigin origin;
  origin.job = "jobs/j1";
  std::vector<fs::path> folders;
  for (int i = 0; i < 4; ++i) folders.push_back(Tagger());
  std::vector<std::thread> threads;
  for (const fs::path& incoming : folders) {
    threads.emplace_back([&] { EXPECT_EQ(registry_->Add("m", incoming, origin, "").value().version, 1); });
  }
  for (std::thread& thread : threads) thread.join();
  Reopen();
  EXPECT_EQ(Add("m", Tagger(), origin)->version, 1);
  EXPECT_THAT(registry_->Get("m")->versions, SizeIs(1));
}

TEST_F(ModelRegistryTest, ResolvesToWhatIsThereNowHoweverOftenItWasAsked) {
  const auto newest = [&](bool tagger) { return registry_->Resolve("models/m", tagger); };
  EXPECT_TRUE(absl::IsNotFound(newest(true).status()));
  ASSERT_TRUE(Add("m", Tagger()).ok());
  for (int i = 0; i < 2; ++i) EXPECT_EQ(newest(true)->version, 1);
  ASSERT_TRUE(Add("m", Tagger()).ok());
  ASSERT_TRUE(Add("m", Encoder()).ok());
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(newest(true)->version, 2);
    EXPECT_EQ(newest(false)->version, 3);
  }
  ASSERT_TRUE(registry_->Delete("models/m/versions/2").ok());
  EXPECT_EQ(newest(true)->version, 1);
  EXPECT_TRUE(absl::IsNotFound(registry_->Resolve("models/m/versions/2", true).status()));
  ASSERT_TRUE(registry_->Delete("models/m").ok());
  EXPECT_TRUE(absl::IsNotFound(newest(true).status()));
}

TEST_F(ModelRegistryTest, DeletesVersionsAndModelsAndGivesNoNumberTwice) {
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Add("m", Tagger()).ok());
  const ModelVersion third = registry_->Resolve("models/m", false).value();
  ASSERT_TRUE(registry_->Delete("models/m/versions/3").ok());
  EXPECT_FALSE(fs::exists(registry_->Folder(third)));
  EXPECT_EQ(registry_->Resolve("models/m", false)->version, 2);
  EXPECT_TRUE(absl::IsNotFound(registry_->Delete("models/m/versions/3")));
  Reopen();
  EXPECT_EQ(Add("m", Tagger())->version, 4);
  ASSERT_TRUE(registry_->Delete("models/m").ok());
  EXPECT_TRUE(absl::IsNotFound(registry_->Get("m").status()));
  EXPECT_FALSE(fs::exists(root() / "m"));
  EXPECT_TRUE(absl::IsNotFound(registry_->Delete("models/m")));
  EXPECT_TRUE(Add("m", Tagger()).ok());
  ASSERT_TRUE(registry_->Delete("models/m/versions/1").ok());
  EXPECT_TRUE(absl::IsNotFound(registry_->Get("m").status()));  // no version is left
}

TEST_F(ModelRegistryTest, DoesNotDeleteWhatAnUnfinishedJobNeeds) {
  ModelOrigin origin;
  origin.job = "jobs/maker";
  ASSERT_TRUE(Add("m", Encoder()).ok());
  ASSERT_TRUE(Add("m", Tagger(), origin).ok());
  InsertJob("trains", "RUNNING", "models/m/versions/1");
  InsertJob("maker", "RUNNING", "models/x/versions/1");
  for (const char* name : {"models/m", "models/m/versions/1", "models/m/versions/2"}) {
    const absl::Status needed = registry_->Delete(name);
    EXPECT_TRUE(absl::IsFailedPrecondition(needed)) << name << " " << needed;
    EXPECT_THAT(needed.ToString(), HasSubstr("jobs/"));
  }
  EXPECT_THAT(registry_->Get("m")->versions, SizeIs(2));
  EXPECT_TRUE(fs::exists(root() / "m" / "2"));
  ASSERT_TRUE(database_->Execute("UPDATE jobs SET state = 'SUCCEEDED'").ok());
  EXPECT_TRUE(registry_->Delete("models/m").ok());
}

TEST_F(ModelRegistryTest, ListsByPagesNewestFirst) {
  for (const char* id : {"a", "b", "c"}) ASSERT_TRUE(Add(id, Tagger()).ok());
  ASSERT_TRUE(Add("a", Tagger()).ok());
  std::string next;
  const std::vector<Model> first = registry_->List({2, ""}, next).value();
  ASSERT_THAT(first, SizeIs(2));
  EXPECT_EQ(first[0].id, "c");
  EXPECT_EQ(first[1].id, "b");
  const std::vector<Model> second = registry_->List({2, next}, next).value();
  EXPECT_EQ(next, "");
  ASSERT_THAT(second, SizeIs(1));
  EXPECT_EQ(second[0].id, "a");
  ASSERT_THAT(second[0].versions, SizeIs(2));
  EXPECT_EQ(second[0].versions[0].version, 2);
}

TEST_F(ModelRegistryTest, RemovesWhatAKillLeftBetweenFolderAndRow) {
  ASSERT_TRUE(Add("m", Tagger()).ok());
  fs::copy(root() / "m" / "1", root() / "m" / "2");  // renamed, its row not written
  WriteFile(root() / "orphan" / "1" / "config.json", "");
  WriteFile(root() / ".incoming" / "abc" / "config.json", "half an import");
  Reopen();
  EXPECT_FALSE(fs::exists(root() / "orphan"));
  EXPECT_FALSE(fs::exists(root() / "m" / "2"));
  EXPECT_TRUE(fs::is_empty(root() / ".incoming"));
  EXPECT_TRUE(fs::exists(root() / "m" / "1" / "config.json"));
  EXPECT_EQ(Add("m", Tagger())->version, 2);
}

TEST_F(ModelRegistryTest, AFolderTakenAwayByHandLeavesTheModelDeletable) {
  ASSERT_TRUE(Add("m", Tagger()).ok());
  fs::remove_all(root() / "m");
  Reopen();
  EXPECT_TRUE(registry_->Get("m").ok());
  EXPECT_TRUE(registry_->Delete("models/m").ok());
}

}  // namespace
}  // namespace fintag::server
