// What becomes of a job whose model cannot be registered at once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <new>

#include "server/jobs/job_queue.h"
#include "tests/server/jobs/queue_fixture.h"

namespace fintag::server {
namespace {

namespace fs = std::filesystem;
using ::testing::SizeIs;

// Adds nothing until it is opened; after 20 s it gives in, so that a test that fails still ends. May lack memory once,
// or room.
class HeldUpRegistry final : public ModelRegistry {
 public:
  explicit HeldUpRegistry(std::unique_ptr<ModelRegistry> registry) : registry_(std::move(registry)) {}

  absl::StatusOr<ModelVersion> Add(const std::string& id, const fs::path& incoming, const ModelOrigin& origin,
                                   const std::string& request_id) override {
    waits = true;
    for (int i = 0; i < 4000 && !open; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    if (lacks_memory.exchange(false)) throw std::bad_alloc();
    if (lacks_room) return absl::ResourceExhaustedError("no space left on device");
    return registry_->Add(id, incoming, origin, request_id);
  }

  absl::StatusOr<ModelVersion> FindAdded(const std::string& id, const std::string& request_id) override {
    return registry_->FindAdded(id, request_id);
  }
  absl::StatusOr<fs::path> MakeIncomingFolder() override { return registry_->MakeIncomingFolder(); }
  absl::StatusOr<Model> Get(const std::string& id) override { return registry_->Get(id); }
  absl::StatusOr<ModelVersion> Resolve(const std::string& name, bool tagger) override {
    return registry_->Resolve(name, tagger);
  }
  absl::StatusOr<std::vector<Model>> List(const PageRequest& page, std::string& next_page_token) override {
    return registry_->List(page, next_page_token);
  }
  absl::Status Delete(const std::string& name) override { return registry_->Delete(name); }
  fs::path Folder(const ModelVersion& version) const override { return registry_->Folder(version); }

  std::atomic<bool> waits = false;
  std::atomic<bool> open = false;
  std::atomic<bool> lacks_memory = false;
  std::atomic<bool> lacks_room = false;

 private:
  const std::unique_ptr<ModelRegistry> registry_;
};

class RegistrationTest : public QueueFixture {
 protected:
  HeldUpRegistry& HoldUpRegistry() {
    auto held_up = std::make_unique<HeldUpRegistry>(std::move(models_));
    HeldUpRegistry& registry = *held_up;
    models_ = std::move(held_up);
    StartQueue();
    return registry;
  }
};

TEST_F(RegistrationTest, ASlowOneHoldsUpNoOtherJob) {
  options_.max_running_jobs = 2;
  HeldUpRegistry& registry = HoldUpRegistry();
  const std::string slow = Create(FakeTrainer::kSucceed);
  const std::string deaf = Create(FakeTrainer::kHangBeforeEpoch);
  WaitFor([&] { return registry.waits.load(); });
  WaitForState(deaf, JobState::kRunning);
  ASSERT_TRUE(queue_->Cancel(deaf).ok());
  EXPECT_EQ(FinalState(deaf).state, "CANCELLED");
  EXPECT_EQ(store_->Get(slow)->state, JobState::kRunning);
  ASSERT_TRUE(queue_->Cancel(slow).ok());  // too late to change what it made, early enough for its state
  registry.open = true;
  EXPECT_EQ(FinalState(slow).state, "CANCELLED");
  EXPECT_EQ(store_->Get(slow)->model_version, "models/made/versions/1");
}

TEST_F(RegistrationTest, OneThatLacksMemoryIsTriedAgain) {
  HeldUpRegistry& registry = HoldUpRegistry();
  registry.lacks_memory = true;
  registry.open = true;
  const std::string id = Create(FakeTrainer::kSucceed);
  EXPECT_EQ(FinalState(id).state, "SUCCEEDED");
  EXPECT_FALSE(registry.lacks_memory);
  ASSERT_THAT(Troubles(id), SizeIs(2));
  EXPECT_TRUE(absl::IsResourceExhausted(Troubles(id)[0])) << Troubles(id)[0];
}

TEST_F(RegistrationTest, AJobThatWaitsForRoomCanBeCancelled) {
  HeldUpRegistry& registry = HoldUpRegistry();
  registry.lacks_room = true;
  registry.open = true;
  const std::string id = Create(FakeTrainer::kSucceed);
  WaitFor([&] { return !Troubles(id).empty(); });
  EXPECT_EQ(store_->Get(id)->state, JobState::kRunning);
  ASSERT_TRUE(queue_->Cancel(id).ok());
  EXPECT_EQ(FinalState(id).state, "FAILED");
  EXPECT_EQ(store_->Get(id)->failure_reason, "the model could not be stored: no space left on device");
  EXPECT_TRUE(fs::exists(Folder(id) / "checkpoint" / "config.json"));
  EXPECT_TRUE(queue_->Delete(id).ok());
}

}  // namespace
}  // namespace fintag::server
