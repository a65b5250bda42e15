#include "server/serving/loaded_models.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <map>
#include <stdexcept>

#include "core/text/strings.h"
#include "tests/server/serving/fake_tagger.h"

namespace fintag::server {
namespace {

using ::testing::UnorderedElementsAre;

// The registry's names and nothing else. Safe from many threads.
class NamesOnly final : public ModelRegistry {
 public:
  void Put(const std::string& id, int64_t number, const std::string& weights) {
    std::lock_guard lock(mutex_);
    ModelVersion version;
    version.model = id;
    version.version = number;
    version.tags = {"O"};
    version.weights_sha256 = weights;
    versions_[version.name()] = version;
  }

  absl::StatusOr<ModelVersion> Resolve(const std::string& name, bool) override {
    std::lock_guard lock(mutex_);
    if (const auto exact = versions_.find(name); exact != versions_.end()) return exact->second;
    for (auto version = versions_.rbegin(); version != versions_.rend(); ++version) {
      if (version->first.rfind(name + "/", 0) == 0) return version->second;
    }
    return absl::NotFoundError("there is no " + name);
  }

  absl::Status Delete(const std::string& name) override {
    std::lock_guard lock(mutex_);
    versions_.erase(name);
    return absl::OkStatus();
  }

  std::filesystem::path Folder(const ModelVersion& version) const override { return version.weights_sha256; }

  absl::StatusOr<std::filesystem::path> MakeIncomingFolder() override { return absl::UnimplementedError(""); }
  absl::StatusOr<ModelVersion> Add(const std::string&, const std::filesystem::path&, const ModelOrigin&,
                                   const std::string&) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<ModelVersion> FindAdded(const std::string&, const std::string&) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<Model> Get(const std::string&) override { return absl::UnimplementedError(""); }
  absl::StatusOr<std::vector<Model>> List(const PageRequest&, std::string&) override {
    return absl::UnimplementedError("");
  }

 private:
  std::mutex mutex_;
  std::map<std::string, ModelVersion> versions_;
};

class LoadedModelsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* id : {"a", "b", "c"}) registry_.Put(id, 1, id);
    Create(800);
  }

  void Create(int64_t max_memory_bytes) {
    LoadedModelsOptions options;
    options.max_memory_bytes = max_memory_bytes;
    models_ =
        LoadedModels::Create(registry_, options,
                             {[this](const ModelVersion& version, const BatchReport& report) {
                                std::lock_guard lock(log_.mutex);
                                batches_[version.name()] += report.windows;
                              },
                              nullptr,
                              [this](const ModelVersion& version, const LoadReport& load) {
                                Tell(load.status.ok() ? StrCat(version.name(), " ", load.precision, " ", load.bytes)
                                                      : StrCat(version.name(), " ", load.status.ToString()));
                              },
                              [this](const ModelVersion& version) { Tell(version.name() + " made room"); }},
                             [this](const ModelVersion&, const std::filesystem::path& folder, const TaggerOptions&) {
                               return Load(folder);
                             });
  }

  void Tell(std::string what) {
    std::lock_guard lock(log_.mutex);
    told_.push_back(std::move(what));
  }

  absl::StatusOr<std::unique_ptr<Tagger>> Load(const std::filesystem::path& folder) {
    ++loads_;
    loading_.Pass();
    if (folder == "broken") return absl::DataLossError("a tensor is cut");
    if (folder == "throws") throw std::runtime_error("no threads left");
    return std::make_unique<FakeTagger>(log_);
  }

  static constexpr auto kNever = std::chrono::system_clock::time_point::max();
  static std::chrono::system_clock::time_point Soon() {
    return std::chrono::system_clock::now() + std::chrono::milliseconds(20);
  }

  absl::StatusOr<std::shared_ptr<const LoadedModel>> Get(const std::string& name) {
    return models_->Get(name, kNever, [] { return false; });
  }

  static absl::Status Use(const LoadedModel& model) {
    std::vector<EncodedSentence> sentences = {MakeSentence(1, 4)};
    return model.scheduler->Run(
        sentences, kNever, [] { return false; }, "");
  }

  NamesOnly registry_;
  TaggerLog log_;
  Gate loading_;
  std::atomic<int> loads_ = 0;
  std::map<std::string, int64_t> batches_;
  std::vector<std::string> told_;  // of loads and of what they dropped
  std::unique_ptr<LoadedModels> models_;
};

TEST_F(LoadedModelsTest, LoadsOnFirstUseAndKeeps) {
  EXPECT_FALSE(models_->IsLoaded("models/a/versions/1"));
  auto model = Get("models/a");
  ASSERT_TRUE(model.ok());
  EXPECT_EQ((*model)->version.name(), "models/a/versions/1");
  EXPECT_TRUE(models_->IsLoaded("models/a/versions/1"));
  EXPECT_EQ(*Get("models/a/versions/1"), *model);
  EXPECT_EQ(loads_, 1);
  EXPECT_TRUE(Use(**model).ok());
  EXPECT_EQ(batches_["models/a/versions/1"], 1);
  EXPECT_TRUE(absl::IsNotFound(Get("models/none").status()));
}

TEST_F(LoadedModelsTest, FirstCallersShareOneLoad) {
  loading_.Close();
  std::vector<std::future<std::shared_ptr<const LoadedModel>>> callers;
  for (int i = 0; i < 8; ++i) {
    callers.push_back(std::async(std::launch::async, [&] { return Get("models/a").value(); }));
  }
  ASSERT_TRUE(Eventually([&] { return loading_.waiting() == 1; }));
  EXPECT_FALSE(models_->IsLoaded("models/a/versions/1"));
  EXPECT_TRUE(models_->Snapshot().empty());
  loading_.Open();
  const auto model = callers[0].get();
  for (size_t i = 1; i < callers.size(); ++i) EXPECT_EQ(callers[i].get(), model);
  EXPECT_EQ(loads_, 1);
}

// Of those who wait alike: who came first has begun the load and no more.
TEST_F(LoadedModelsTest, WaitingForALoadEndsAtTheDeadline) {
  loading_.Close();
  for (int caller = 0; caller < 2; ++caller) {
    EXPECT_TRUE(absl::IsDeadlineExceeded(models_->Get("models/a", Soon(), [] { return false; }).status()));
  }
  EXPECT_FALSE(models_->IsLoaded("models/a/versions/1"));
  loading_.Open();
  EXPECT_TRUE(Get("models/a").ok());
  const auto past = std::chrono::system_clock::now() - std::chrono::seconds(1);
  EXPECT_TRUE(models_->Get("models/a", past, [] { return true; }).ok());  // loaded: nothing to wait for
  EXPECT_EQ(loads_, 1);
}

TEST_F(LoadedModelsTest, WaitingForALoadEndsWhenTheCallerCancels) {
  loading_.Close();
  std::atomic<bool> cancelled = false;
  std::vector<std::future<absl::Status>> callers;
  for (int i = 0; i < 2; ++i) {
    callers.push_back(std::async(std::launch::async, [&] {
      return models_->Get("models/a", kNever, [&] { return cancelled.load(); }).status();
    }));
  }
  ASSERT_TRUE(Eventually([&] { return loading_.waiting() == 1; }));
  cancelled = true;
  for (auto& caller : callers) EXPECT_TRUE(absl::IsCancelled(caller.get()));
  loading_.Open();
  EXPECT_TRUE(Eventually([&] { return models_->IsLoaded("models/a/versions/1"); }));
  EXPECT_TRUE(Get("models/a").ok());
  EXPECT_EQ(loads_, 1);
}

TEST_F(LoadedModelsTest, NothingIsLoadedForWhoIsTooLateOrGone) {
  const auto past = std::chrono::system_clock::now() - std::chrono::seconds(1);
  EXPECT_TRUE(absl::IsDeadlineExceeded(models_->Get("models/a", past, [] { return false; }).status()));
  EXPECT_TRUE(absl::IsCancelled(models_->Get("models/a", kNever, [] { return true; }).status()));
  EXPECT_EQ(loads_, 0);
  EXPECT_TRUE(models_->Snapshot().empty());
}

TEST_F(LoadedModelsTest, ALoadThatNobodyWaitsForIsFinishedBeforeTheEnd) {
  loading_.Close();
  EXPECT_TRUE(absl::IsDeadlineExceeded(models_->Get("models/a", Soon(), [] { return false; }).status()));
  auto end = std::async(std::launch::async, [&] { models_.reset(); });
  EXPECT_EQ(end.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  loading_.Open();
}

TEST_F(LoadedModelsTest, OneLoadDoesNotHoldUpOtherVersions) {
  ASSERT_TRUE(Get("models/b").ok());
  loading_.Close();
  auto slow = std::async(std::launch::async, [&] { return Get("models/a").ok(); });
  ASSERT_TRUE(Eventually([&] { return loading_.waiting() == 1; }));
  EXPECT_TRUE(Use(**Get("models/b")).ok());
  loading_.Open();
  EXPECT_TRUE(slow.get());
  EXPECT_EQ(models_->Snapshot().size(), 2U);
}

TEST_F(LoadedModelsTest, FailedLoadReachesAllWhoWaitAndIsTriedAgain) {
  registry_.Put("a", 1, "broken");
  loading_.Close();
  auto first = std::async(std::launch::async, [&] { return Get("models/a").status(); });
  ASSERT_TRUE(Eventually([&] { return loading_.waiting() == 1; }));
  auto second = std::async(std::launch::async, [&] { return Get("models/a").status(); });
  loading_.Open();
  EXPECT_EQ(first.get().ToString(), "DATA_LOSS: a tensor is cut");
  EXPECT_EQ(second.get().ToString(), "DATA_LOSS: a tensor is cut");
  EXPECT_FALSE(models_->IsLoaded("models/a/versions/1"));
  registry_.Put("a", 1, "mended");
  EXPECT_TRUE(Get("models/a").ok());
}

TEST_F(LoadedModelsTest, ExceptionInALoadIsItsError) {
  registry_.Put("a", 1, "throws");
  EXPECT_TRUE(absl::IsResourceExhausted(Get("models/a").status()));
  registry_.Put("a", 1, "mended");
  EXPECT_TRUE(Get("models/a").ok());
}

TEST_F(LoadedModelsTest, ForgottenVersionServesThoseWhoHoldIt) {
  registry_.Put("a", 2, "second");
  auto first = Get("models/a/versions/1").value();
  auto second = Get("models/a").value();
  EXPECT_EQ(second->version.version, 2);
  models_->Forget("models/a/versions/1");
  EXPECT_FALSE(models_->IsLoaded("models/a/versions/1"));
  EXPECT_TRUE(models_->IsLoaded("models/a/versions/2"));
  EXPECT_TRUE(Use(*first).ok());
  ASSERT_TRUE(Get("models/b").ok());
  models_->Forget("models/a");
  EXPECT_EQ(models_->Snapshot().size(), 1U);
  EXPECT_TRUE(Use(*second).ok());
  models_.reset();
  EXPECT_TRUE(Use(*second).ok());
}

TEST_F(LoadedModelsTest, BatchUnderWayOutlivesForget) {
  log_.gate.Close();
  auto answer = std::async(std::launch::async, [&] { return Use(**Get("models/a")); });
  ASSERT_TRUE(Eventually([&] { return log_.gate.waiting() == 1; }));
  models_->Forget("models/a");
  log_.gate.Open();
  EXPECT_TRUE(answer.get().ok());
}

TEST_F(LoadedModelsTest, DropsTheVersionUnusedForLongest) {
  Create(299);  // a model takes 100
  auto held = Get("models/a").value();
  ASSERT_TRUE(Get("models/b").ok());
  ASSERT_TRUE(Get("models/a").ok());
  ASSERT_TRUE(Get("models/c").ok());
  EXPECT_TRUE(models_->IsLoaded("models/a/versions/1"));
  EXPECT_FALSE(models_->IsLoaded("models/b/versions/1"));
  EXPECT_TRUE(models_->IsLoaded("models/c/versions/1"));
  ASSERT_TRUE(Get("models/b").ok());
  EXPECT_FALSE(models_->IsLoaded("models/a/versions/1"));
  EXPECT_TRUE(Use(*held).ok());
  EXPECT_EQ(loads_, 4);
}

TEST_F(LoadedModelsTest, TellsOfLoadsAndOfWhatMadeRoom) {
  Create(150);  // a model takes 100
  registry_.Put("c", 1, "broken");
  ASSERT_TRUE(Get("models/a").ok());
  ASSERT_TRUE(Get("models/b").ok());
  ASSERT_FALSE(Get("models/c").ok());
  models_.reset();  // waits for the loads, which tell at their end
  EXPECT_THAT(told_,
              UnorderedElementsAre("models/a/versions/1 fp32 100", "models/b/versions/1 fp32 100",
                                   "models/a/versions/1 made room", "models/c/versions/1 DATA_LOSS: a tensor is cut"));
}

TEST_F(LoadedModelsTest, LargerThanTheLimitIsLoadedAlone) {
  Create(1);
  ASSERT_TRUE(Get("models/a").ok());
  ASSERT_TRUE(Get("models/b").ok());
  EXPECT_FALSE(models_->IsLoaded("models/a/versions/1"));
  EXPECT_TRUE(models_->IsLoaded("models/b/versions/1"));
}

TEST_F(LoadedModelsTest, LoadsAtOnceStayWithinTheLimit) {
  Create(100);
  loading_.Close();
  std::vector<std::future<bool>> callers;
  for (const char* name : {"models/a", "models/b", "models/c"}) {
    callers.push_back(std::async(std::launch::async, [this, name] { return Get(name).ok(); }));
  }
  ASSERT_TRUE(Eventually([&] { return loading_.waiting() == 3; }));
  loading_.Open();
  for (auto& caller : callers) EXPECT_TRUE(caller.get());
  EXPECT_EQ(models_->Snapshot().size(), 1U);
}

TEST_F(LoadedModelsTest, ReplacedVersionIsNeverServedFromMemory) {
  auto old = Get("models/a").value();
  // Deleted and imported again; the word of the deletion is still on its way.
  registry_.Put("a", 1, "other weights");
  auto fresh = Get("models/a").value();
  EXPECT_NE(fresh, old);
  EXPECT_EQ(fresh->version.weights_sha256, "other weights");
  EXPECT_EQ(models_->Snapshot().size(), 1U);
}

TEST_F(LoadedModelsTest, ALoadThatADeletionBreaksIsOfADeletedVersion) {
  registry_.Put("a", 1, "broken");
  loading_.Close();
  auto caller = std::async(std::launch::async, [&] { return Get("models/a").status(); });
  ASSERT_TRUE(Eventually([&] { return loading_.waiting() == 1; }));
  ASSERT_TRUE(registry_.Delete("models/a/versions/1").ok());
  loading_.Open();
  EXPECT_TRUE(absl::IsNotFound(caller.get()));
}

TEST_F(LoadedModelsTest, VersionDeletedWhileItLoadsIsNotKept) {
  loading_.Close();
  auto caller = std::async(std::launch::async, [&] { return Get("models/a").status(); });
  ASSERT_TRUE(Eventually([&] { return loading_.waiting() == 1; }));
  ASSERT_TRUE(registry_.Delete("models/a/versions/1").ok());
  models_->Forget("models/a/versions/1");
  loading_.Open();
  EXPECT_TRUE(absl::IsNotFound(caller.get()));
  EXPECT_TRUE(models_->Snapshot().empty());
}

TEST_F(LoadedModelsTest, UnloadedVersionIsNotReadyUntilItIsAskedForAgain) {
  EXPECT_TRUE(models_->Readiness("models/a/versions/1").ok());
  auto held = Get("models/a").value();
  models_->Unload("models/a/versions/1");
  EXPECT_FALSE(models_->IsLoaded("models/a/versions/1"));
  EXPECT_TRUE(absl::IsUnavailable(models_->Readiness("models/a/versions/1")));
  EXPECT_TRUE(models_->Readiness("models/b/versions/1").ok());
  EXPECT_TRUE(Use(*held).ok());
  EXPECT_NE(Get("models/a").value(), held);
  EXPECT_TRUE(models_->Readiness("models/a/versions/1").ok());
  EXPECT_EQ(loads_, 2);
}

TEST_F(LoadedModelsTest, FailedLoadIsTheReasonWhyAVersionIsNotReady) {
  registry_.Put("a", 1, "broken");
  EXPECT_FALSE(Get("models/a").ok());
  EXPECT_EQ(models_->Readiness("models/a/versions/1"), absl::DataLossError("a tensor is cut"));
  registry_.Put("a", 1, "mended");
  EXPECT_TRUE(Get("models/a").ok());
  EXPECT_TRUE(models_->Readiness("models/a/versions/1").ok());
  models_->Unload("models/a/versions/1");
  models_->Forget("models/a");
  EXPECT_TRUE(models_->Readiness("models/a/versions/1").ok());
}

TEST_F(LoadedModelsTest, EachLoadCountsItsOwnBatches) {
  auto first = Get("models/a").value();
  EXPECT_TRUE(Use(*first).ok());
  EXPECT_TRUE(Use(*first).ok());
  EXPECT_EQ(first->statistics->figures().forward.count, 2);
  EXPECT_EQ(first->statistics->figures().queue.count, 2);
  models_->Unload("models/a/versions/1");
  auto second = Get("models/a").value();
  EXPECT_EQ(second->statistics->figures().forward.count, 0);
}

}  // namespace
}  // namespace fintag::server
