#include "server/datasets/dataset_registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/training/sha256.h"
#include "server/storage/stored_bytes.h"
#include "tests/core/training/word_lookup_scores.h"
#include "tests/server/storage/temporary_folder.h"

namespace fintag::server {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

constexpr char kTrain[] =
    "-DOCSTART- O\n\nAcme B-ORG\nCorp I-ORG\nlends O\n\n-DOCSTART- O\n\nJane B-PER\nof O\nAcme B-ORG\nleft O\n";
constexpr char kValidation[] = "Acme B-ORG\npays O\nOslo B-LOC\n";

class DatasetRegistryTest : public testing::Test {
 protected:
  DatasetRegistryTest() { Reopen(); }

  void Reopen() {
    registry_.reset();
    database_.reset();
    database_ = Database::Open(folder_.path() / "fintag.db").value();
    absl::StatusOr<std::unique_ptr<DatasetRegistry>> opened = DatasetRegistry::Open(*database_, root());
    ASSERT_TRUE(opened.ok()) << opened.status();
    registry_ = *std::move(opened);
  }

  absl::StatusOr<Dataset> Add(const std::string& id, const std::string& train, const std::string& validation = "") {
    errors_.clear();
    const fs::path incoming = registry_->MakeIncomingFolder().value();
    const auto receive = [&](const std::string& name, const std::string& text) {
      WriteFile(incoming / name, text);
      return ReceivedFile{name + ".conll", Sha256Hex(text), incoming / name};
    };
    const ReceivedFile train_file = receive("0", train);
    std::optional<ReceivedFile> validation_file;
    if (!validation.empty()) validation_file = receive("1", validation);
    absl::StatusOr<Dataset> dataset = registry_->Add(id, "ann", train_file, validation_file, errors_);
    EXPECT_FALSE(fs::exists(incoming));
    return dataset;
  }

  void InsertJob(const std::string& id, const std::string& state, const std::string& dataset) {
    ASSERT_TRUE(database_
                    ->Execute("INSERT INTO jobs (id, state, dataset, base, model, options, request_id, create_time_ms, "
                              "start_time_ms, end_time_ms, failure_reason, model_version, log_closed) "
                              "VALUES (?, ?, ?, '', '', '{}', '', 0, 0, 0, '', '', 0)",
                              {id, state, dataset})
                    .ok());
  }

  fs::path root() const { return folder_.path() / "datasets"; }

  TemporaryFolder folder_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<DatasetRegistry> registry_;
  std::vector<DatasetLineError> errors_;
};

TEST_F(DatasetRegistryTest, DescribesWhatWasUploadedAndKeepsItOverARestart) {
  const absl::StatusOr<Dataset> added = Add("fin", kTrain, kValidation);
  ASSERT_TRUE(added.ok()) << added.status();
  Reopen();
  const absl::StatusOr<Dataset> dataset = registry_->Get("fin");
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ(dataset->id, "fin");
  EXPECT_EQ(dataset->owner, "ann");
  EXPECT_EQ(StoredBytes(*database_, "ann").value(), static_cast<int64_t>(sizeof kTrain + sizeof kValidation - 2));
  EXPECT_EQ(StoredBytes(*database_, "bob").value(), 0);
  EXPECT_EQ(dataset->create_time_ms, added->create_time_ms);
  EXPECT_GT(dataset->create_time_ms, 1'600'000'000'000);
  EXPECT_EQ(dataset->train.file_name, "0.conll");
  EXPECT_EQ(dataset->train.sha256, Sha256Hex(kTrain));
  EXPECT_EQ(dataset->train.size_bytes, static_cast<int64_t>(sizeof kTrain - 1));
  EXPECT_EQ(dataset->train.sentences, 2);
  EXPECT_EQ(dataset->train.words, 7);
  EXPECT_EQ(dataset->train.documents, 2);
  EXPECT_EQ(dataset->train.scheme, "IOB2");
  EXPECT_EQ(dataset->train.longest_sentence_words, 4);
  EXPECT_THAT(dataset->train.entities_by_label, ElementsAre(Pair("ORG", 2), Pair("PER", 1)));
  ASSERT_TRUE(dataset->validation.has_value());
  EXPECT_EQ(dataset->validation->sentences, 1);
  EXPECT_THAT(dataset->labels, ElementsAre("LOC", "ORG", "PER"));
  ASSERT_TRUE(dataset->word_lookup.has_value());
  const Scores lookup = WordLookupScores(ReadCorpus(kTrain, "").value(), ReadCorpus(kValidation, "").value());
  EXPECT_EQ(dataset->word_lookup->micro.f1, lookup.micro.f1);
  EXPECT_EQ(dataset->word_lookup->words, 3);
}

TEST_F(DatasetRegistryTest, KeepsTheFilesAsGivenAndAsParsed) {
  ASSERT_TRUE(Add("fin", kTrain, kValidation).ok());
  EXPECT_EQ(FileText(registry_->Folder("fin") / "train.given"), kTrain);
  EXPECT_EQ(FileText(registry_->Folder("fin") / "validation.given"), kValidation);
  const Corpus given = ReadCorpus(kTrain, "").value();
  const Corpus parsed = ReadCorpus(FileText(registry_->Folder("fin") / "train.jsonl"), "").value();
  ASSERT_EQ(parsed.sentences.size(), given.sentences.size());
  for (size_t i = 0; i < given.sentences.size(); ++i) {
    EXPECT_EQ(parsed.sentences[i].words, given.sentences[i].words);
    EXPECT_EQ(parsed.sentences[i].tags, given.sentences[i].tags);
  }
  ASSERT_TRUE(Add("bare", kTrain).ok());
  EXPECT_FALSE(fs::exists(registry_->Folder("bare") / "validation.jsonl"));
  EXPECT_FALSE(registry_->Get("bare")->word_lookup.has_value());
}

TEST_F(DatasetRegistryTest, GivesEveryWrongLineOfBothParts) {
  const absl::Status status = Add("bad", "a O\nb\n\nc B-\n", "x Q-ORG\n").status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  std::vector<std::string> fields;
  for (const DatasetLineError& error : errors_) {
    fields.push_back(error.field);
    EXPECT_FALSE(error.reason.empty());
  }
  EXPECT_THAT(fields, ElementsAre("train:2", "train:4", "validation:1"));
  EXPECT_TRUE(absl::IsNotFound(registry_->Get("bad").status()));
  EXPECT_FALSE(fs::exists(registry_->Folder("bad")));
}

TEST_F(DatasetRegistryTest, RefusesACorpusWithoutEntities) {
  const absl::Status status = Add("dull", "a O\nb O\n").status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(errors_, SizeIs(1));
}

TEST_F(DatasetRegistryTest, RefusesIdsThatAreNoFolderNames) {
  for (const char* id : {"", "..", "a/b", ".incoming", "Fin"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Add(id, kTrain).status())) << id;
  }
}

TEST_F(DatasetRegistryTest, ARetryGetsTheStoredDatasetAndOtherContentIsRefused) {
  const Dataset first = Add("fin", kTrain, kValidation).value();
  const absl::StatusOr<Dataset> again = Add("fin", kTrain, kValidation);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->create_time_ms, first.create_time_ms);
  EXPECT_TRUE(absl::IsAlreadyExists(Add("fin", kTrain).status()));
  EXPECT_TRUE(absl::IsAlreadyExists(Add("fin", kTrain, kTrain).status()));
  EXPECT_TRUE(absl::IsAlreadyExists(Add("fin", kValidation, kValidation).status()));
}

TEST_F(DatasetRegistryTest, UploadsOfOneNameAtOnceStoreItOnce) {
  std::vector<std::thread> threads;
  std::atomic<int> stored = 0;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&, i] {
      const fs::path incoming = registry_->MakeIncomingFolder().value();
      const std::string text = i % 2 == 0 ? kTrain : kValidation;
      WriteFile(incoming / "0", text);
      std::vector<DatasetLineError> errors;
      const absl::Status status =
          registry_->Add("fin", "ann", {"0", Sha256Hex(text), incoming / "0"}, std::nullopt, errors).status();
      EXPECT_TRUE(status.ok() || absl::IsAlreadyExists(status)) << status;
      if (status.ok()) ++stored;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(stored, 3);  // those whose content is the stored one
  EXPECT_EQ(Sha256Hex(FileText(registry_->Folder("fin") / "train.given")), registry_->Get("fin")->train.sha256);
}

TEST_F(DatasetRegistryTest, ListsByPagesNewestFirst) {
  std::vector<std::string> expected;
  for (int i = 0; i < 7; ++i) {
    ASSERT_TRUE(Add("d" + std::to_string(i), kTrain).ok());
    expected.insert(expected.begin(), "d" + std::to_string(i));
  }
  for (const int32_t size : {1, 3, 7, 100}) {
    std::vector<std::string> ids;
    PageRequest page{size, ""};
    do {
      std::string next;
      const std::vector<Dataset> datasets = registry_->List(page, next).value();
      EXPECT_LE(datasets.size(), static_cast<size_t>(size));
      for (const Dataset& dataset : datasets) ids.push_back(dataset.id);
      page.page_token = next;
    } while (!page.page_token.empty());
    EXPECT_EQ(ids, expected) << size;
  }
  std::string next;
  EXPECT_TRUE(absl::IsInvalidArgument(registry_->List({3, "nonsense"}, next).status()));
}

TEST_F(DatasetRegistryTest, DeletesUnlessAnUnfinishedJobNeedsIt) {
  ASSERT_TRUE(Add("fin", kTrain).ok());
  InsertJob("j1", "SUCCEEDED", "datasets/fin");
  InsertJob("j2", "RUNNING", "datasets/fin");
  InsertJob("j3", "QUEUED", "datasets/fin");
  InsertJob("j4", "QUEUED", "datasets/other");
  const absl::Status needed = registry_->Delete("fin");
  EXPECT_TRUE(absl::IsFailedPrecondition(needed)) << needed;
  EXPECT_THAT(needed.ToString(), HasSubstr("jobs/j2, jobs/j3"));
  EXPECT_TRUE(fs::exists(registry_->Folder("fin")));
  ASSERT_TRUE(database_->Execute("UPDATE jobs SET state = 'FAILED'").ok());
  EXPECT_TRUE(registry_->Delete("fin").ok());
  EXPECT_FALSE(fs::exists(registry_->Folder("fin")));
  EXPECT_TRUE(absl::IsNotFound(registry_->Get("fin").status()));
  EXPECT_TRUE(absl::IsNotFound(registry_->Delete("fin")));
  EXPECT_TRUE(Add("fin", kValidation).ok());  // the name is free again
}

TEST_F(DatasetRegistryTest, RemovesWhatAKillLeftBetweenFolderAndRow) {
  ASSERT_TRUE(Add("fin", kTrain).ok());
  WriteFile(root() / "orphan" / "train.jsonl", "");
  WriteFile(root() / ".incoming" / "abc" / "0", "half an upload");
  Reopen();
  EXPECT_FALSE(fs::exists(root() / "orphan"));
  EXPECT_THAT(std::vector<fs::path>(fs::directory_iterator(root() / ".incoming"), {}), IsEmpty());
  EXPECT_TRUE(fs::exists(registry_->Folder("fin") / "train.jsonl"));
  EXPECT_TRUE(Add("orphan", kTrain).ok());
}

}  // namespace
}  // namespace fintag::server
