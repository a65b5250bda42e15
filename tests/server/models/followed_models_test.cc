#include "server/models/followed_models.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "server/models/published_version.h"
#include "tests/server/storage/temporary_folder.h"

namespace fintag::server {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// A registry, and who follows it.
class FollowedModelsTest : public testing::Test {
 protected:
  FollowedModelsTest() {
    Reopen();
    followed_ = FollowedModels::Open(root(), "ask the other").value();
  }

  void Reopen() {
    registry_.reset();
    database_.reset();
    database_ = Database::Open(folder_.path() / "fintag.db").value();
    registry_ = ModelRegistry::Open(*database_, root()).value();
  }

  ModelVersion Add(const std::string& id, const ModelOrigin& origin = {}) {
    const fs::path incoming = registry_->MakeIncomingFolder().value();
    fs::copy(fs::path(FINTAG_TEST_DATA) / "golden" / "checkpoints" / "safetensors", incoming);
    return registry_->Add(id, incoming, origin, "").value();
  }

  void Follow() {
    followed_->Follow(
        absl::Milliseconds(10),
        [this](const ModelVersion& version) {
          const std::lock_guard<std::mutex> lock(mutex_);
          gone_.push_back(version.name());
        },
        [this](const absl::Status& status) {
          const std::lock_guard<std::mutex> lock(mutex_);
          troubles_.push_back(status);
        });
  }

  template <typename Condition>
  void WaitFor(const Condition& condition) {
    for (int i = 0; i < 1000 && !condition(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    ASSERT_TRUE(condition());
  }
  void WaitForModel(const std::string& id) {
    WaitFor([&] { return followed_->Get(id).ok(); });
  }
  std::vector<std::string> Gone() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return gone_;
  }
  std::vector<absl::Status> Troubles() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return troubles_;
  }

  fs::path root() const { return folder_.path() / "models"; }

  TemporaryFolder folder_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<ModelRegistry> registry_;
  std::mutex mutex_;
  std::vector<std::string> gone_;
  std::vector<absl::Status> troubles_;
  std::unique_ptr<FollowedModels> followed_;
};

TEST_F(FollowedModelsTest, TellsOfAVersionWhatTheRegistryTells) {
  ModelOrigin origin;
  origin.job = "jobs/j1";
  origin.dataset = "datasets/fin";
  origin.scores = Scores{};
  origin.scores->micro.f1 = 0.8125;
  const ModelVersion added = Add("fin", origin);
  Follow();
  WaitForModel("fin");
  const Model model = followed_->Get("fin").value();
  EXPECT_EQ(model.create_time_ms, registry_->Get("fin")->create_time_ms);
  ASSERT_THAT(model.versions, SizeIs(1));
  const ModelVersion& version = model.versions[0];
  EXPECT_EQ(version.name(), added.name());
  EXPECT_EQ(version.create_time_ms, added.create_time_ms);
  EXPECT_EQ(version.job, "jobs/j1");
  EXPECT_EQ(version.scores->micro.f1, 0.8125);
  EXPECT_EQ(version.tags, added.tags);
  EXPECT_EQ(version.weights_sha256, added.weights_sha256);
  EXPECT_EQ(version.size_bytes, added.size_bytes);
  EXPECT_EQ(followed_->Folder(version), registry_->Folder(added));
  EXPECT_EQ(followed_->Resolve("models/fin", true)->name(), "models/fin/versions/1");
  EXPECT_TRUE(absl::IsNotFound(followed_->Resolve("models/fin/versions/2", true).status()));
}

TEST_F(FollowedModelsTest, NewVersionsComeAndDeletedOnesGo) {
  Add("fin");
  Follow();
  WaitForModel("fin");
  Add("fin");
  WaitFor([&] { return followed_->Get("fin")->versions.size() == 2; });
  EXPECT_EQ(followed_->Resolve("models/fin", true)->version, 2);
  ASSERT_TRUE(registry_->Delete("models/fin/versions/2").ok());
  WaitFor([&] { return Gone().size() == 1; });
  EXPECT_EQ(followed_->Resolve("models/fin", true)->version, 1);
  ASSERT_TRUE(registry_->Delete("models/fin").ok());
  WaitFor([&] { return Gone().size() == 2; });
  EXPECT_THAT(Gone(), ElementsAre("models/fin/versions/2", "models/fin/versions/1"));
  EXPECT_TRUE(absl::IsNotFound(followed_->Get("fin").status()));
  // Another under the same name is another.
  Add("fin");
  WaitForModel("fin");
  EXPECT_THAT(Troubles(), IsEmpty());
}

TEST_F(FollowedModelsTest, WhoFailsToReadAVersionLearnsOfItsDeletionBeforeTheNextLook) {
  const ModelVersion version = Add("fin");
  followed_ = FollowedModels::Open(root(), "ask the other").value();
  EXPECT_TRUE(followed_->CheckStillThere(version).ok());
  ModelVersion before = version;
  before.create_time_ms -= 1;
  EXPECT_TRUE(absl::IsNotFound(followed_->CheckStillThere(before))) << "another under the same name";
  WriteFile(registry_->Folder(version) / kPublishedFile, "{");
  EXPECT_TRUE(followed_->CheckStillThere(version).ok()) << "damaged, not deleted";
  ASSERT_TRUE(registry_->Delete("models/fin").ok());
  EXPECT_TRUE(followed_->Resolve("models/fin", true).ok());
  EXPECT_TRUE(absl::IsNotFound(followed_->CheckStillThere(version)));
}

TEST_F(FollowedModelsTest, ListsInTheOrderAndWithTheTokensOfTheRegistry) {
  for (const char* id : {"a", "c", "b", "d"}) Add(id);
  ASSERT_TRUE(registry_->Delete("models/c").ok());
  Add("c");
  Follow();
  WaitFor([&] {
    std::string token;
    return followed_->List({10, ""}, token)->size() == 4;
  });
  std::string token;
  do {
    std::string next, followed_next;
    const std::vector<Model> page = registry_->List({3, token}, next).value();
    const std::vector<Model> followed_page = followed_->List({3, token}, followed_next).value();
    ASSERT_EQ(page.size(), followed_page.size());
    for (size_t i = 0; i < page.size(); ++i) EXPECT_EQ(page[i].id, followed_page[i].id);
    EXPECT_EQ(next, followed_next);
    token = next;
  } while (!token.empty());
  EXPECT_TRUE(absl::IsInvalidArgument(followed_->List({10, "nonsense"}, token).status()));
}

TEST_F(FollowedModelsTest, AVersionIsThereOnceItIsRegistered) {
  const ModelVersion version = Add("fin");
  const fs::path published = registry_->Folder(version) / kPublishedFile;
  // As a program before this one left it, and one that was killed between its two steps.
  fs::rename(published, registry_->Folder(version) / ".version.json");
  Follow();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_TRUE(absl::IsNotFound(followed_->Get("fin").status()));
  Reopen();
  WaitForModel("fin");
  EXPECT_FALSE(fs::exists(registry_->Folder(version) / ".version.json"));
  EXPECT_EQ(followed_->Get("fin")->versions[0].create_time_ms, version.create_time_ms);
}

TEST_F(FollowedModelsTest, AnImportCannotDescribeItself) {
  const ModelVersion first = Add("first");
  const fs::path incoming = registry_->MakeIncomingFolder().value();
  fs::copy(registry_->Folder(first), incoming);
  const ModelVersion second = registry_->Add("second", incoming, {}, "").value();
  EXPECT_EQ(second.size_bytes, first.size_bytes);
  Follow();
  WaitForModel("second");
  EXPECT_EQ(followed_->Get("second")->versions[0].name(), "models/second/versions/1");
}

TEST_F(FollowedModelsTest, ADamagedDescriptionHoldsUpNoOther) {
  const ModelVersion version = Add("bad");
  Add("good");
  WriteFile(registry_->Folder(version) / kPublishedFile, "{");
  Follow();
  WaitForModel("good");
  WaitFor([&] { return !Troubles().empty(); });
  EXPECT_THAT(std::string(Troubles()[0].message()), HasSubstr("bad/1/version.json is damaged"));
  EXPECT_TRUE(absl::IsNotFound(followed_->Get("bad").status()));
}

TEST_F(FollowedModelsTest, AFolderThatCannotBeReadForgetsNothing) {
  Add("fin");
  Follow();
  WaitForModel("fin");
  fs::rename(root(), folder_.path() / "away");
  WaitFor([&] { return Troubles().size() == 1; });
  EXPECT_TRUE(followed_->Get("fin").ok());
  fs::rename(folder_.path() / "away", root());
  WaitFor([&] { return Troubles().size() == 2; });
  EXPECT_TRUE(Troubles()[1].ok());
  EXPECT_THAT(Gone(), IsEmpty());
}

TEST_F(FollowedModelsTest, ChangesNothing) {
  const absl::Status status = followed_->Delete("models/fin");
  EXPECT_EQ(status, absl::FailedPreconditionError("ask the other"));
  EXPECT_EQ(followed_->MakeIncomingFolder().status(), status);
  EXPECT_EQ(followed_->Add("fin", root(), {}, "").status(), status);
}

TEST_F(FollowedModelsTest, WantsAFolderThatIsThere) {
  const absl::Status status = FollowedModels::Open(folder_.path() / "none", "").status();
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("--data-dir"));
}

}  // namespace
}  // namespace fintag::server
