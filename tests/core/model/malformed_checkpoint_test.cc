// Damaged checkpoints by the thousand: each must give an error or a checkpoint, without a crash or a large allocation.
// Builds with the sanitizers see what a plain one does not.

#include <c10/core/CPUAllocator.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

#include "core/model/checkpoint_folder.h"
#include "tests/core/model/temporary_folder.h"

namespace fintag {
namespace {

namespace fs = std::filesystem;

const fs::path kGoldens = fs::path(FINTAG_TEST_DATA) / "golden" / "checkpoints";

// LibTorch's own CPU allocator, watched for the largest request.
class WatchedAllocator : public c10::Allocator {
 public:
  explicit WatchedAllocator(c10::Allocator* allocator) : allocator_(allocator) {}
  c10::DataPtr allocate(size_t bytes) override {
    largest_ = std::max(largest_, bytes);
    return allocator_->allocate(bytes);
  }
  void copy_data(void* to, const void* from, size_t count) const override { allocator_->copy_data(to, from, count); }
  size_t largest() const { return largest_; }

 private:
  c10::Allocator* allocator_;
  size_t largest_ = 0;
};

class MalformedCheckpoint : public ::testing::TestWithParam<std::pair<const char*, const char*>> {
 protected:
  MalformedCheckpoint() : folder_(root_.path() / "checkpoint"), file_(folder_ / GetParam().second) {
    fs::copy(kGoldens / GetParam().first, folder_, fs::copy_options::recursive);
    original_ = ReadFile(file_);
    constexpr uint8_t kAboveTheDefault = 1;
    c10::SetCPUAllocator(&watched_, kAboveTheDefault);
  }
  ~MalformedCheckpoint() override {
    c10::SetCPUAllocator(normal_, 1);
    EXPECT_LT(watched_.largest(), 1 << 20);
  }

  // True where a checkpoint came out.
  bool Read(const std::string& content) {
    fs::remove(file_);  // ext4 flushes a file to disk that is cut and written anew
    WriteFile(file_, content);
    const auto checkpoint = ReadCheckpoint(folder_);
    if (checkpoint.ok()) return true;
    const absl::StatusCode code = checkpoint.status().code();
    EXPECT_TRUE(code == absl::StatusCode::kInvalidArgument || code == absl::StatusCode::kNotFound)
        << checkpoint.status();
    EXPECT_LT(checkpoint.status().message().size(), 2000);
    return false;
  }

  // Where structure is denser than in the weights' bytes: the start and the end.
  size_t Position() {
    const size_t size = original_.size();
    const size_t near = std::min<size_t>(size, 1 + random_() % 6000);
    switch (random_() % 3) {
      case 0:
        return random_() % size;
      case 1:
        return random_() % near;
      default:
        return size - 1 - random_() % near;
    }
  }

  TemporaryFolder root_;
  fs::path folder_;
  fs::path file_;
  std::string original_;
  std::mt19937 random_{5};
  c10::Allocator* normal_ = c10::GetCPUAllocator();
  WatchedAllocator watched_{normal_};
};

TEST_P(MalformedCheckpoint, IsRefusedWhereverItIsCut) {
  ASSERT_TRUE(Read(original_));
  for (int round = 0; round < 500; ++round) {
    const size_t length = round < 64 ? round : Position();
    const bool lost_space_only = original_.find_first_not_of(" \n", length) == std::string::npos;
    EXPECT_EQ(Read(original_.substr(0, length)), lost_space_only) << length;
  }
}

TEST_P(MalformedCheckpoint, IsRefusedOrReadWithBitsFlipped) {
  int read = 0;
  for (int round = 0; round < 1500; ++round) {
    std::string content = original_;
    for (int flips = 1 + random_() % 3; flips > 0; --flips)
      content[Position()] ^= static_cast<char>(1 << random_() % 8);
    read += Read(content);
  }
  EXPECT_LT(read, 1500);
}

TEST_P(MalformedCheckpoint, IsRefusedOrReadWithBytesOverwritten) {
  const std::string extremes[] = {std::string(4, '\xff'), std::string(8, '\xff'),      std::string("\xff\xff\xff\x7f"),
                                  std::string(8, '\0'),   std::string("999999999999"), std::string("[[[[[[[[")};
  for (int round = 0; round < 1500; ++round) {
    std::string content = original_;
    const std::string& bytes = extremes[random_() % std::size(extremes)];
    content.replace(Position(), bytes.size(), bytes);
    Read(content);
  }
}

TEST_P(MalformedCheckpoint, IsRefusedOrReadWithPartsMoved) {
  for (int round = 0; round < 500; ++round) {
    std::string content = original_;
    const std::string part = content.substr(Position(), random_() % 200);
    if (random_() % 2 == 0) {
      content.insert(Position(), part);
    } else {
      content.replace(Position(), part.size(), part);
    }
    Read(content);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Files, MalformedCheckpoint,
    ::testing::Values(std::pair("safetensors", "model.safetensors"), std::pair("safetensors", "config.json"),
                      std::pair("sharded", "model.safetensors.index.json"),
                      std::pair("sharded", "model-00001-of-00002.safetensors"),
                      std::pair("float16", "model.safetensors"), std::pair("torch_zip", "pytorch_model.bin"),
                      std::pair("torch_zip_protocol5", "pytorch_model.bin"),
                      std::pair("torch_legacy", "pytorch_model.bin"), std::pair("gamma_beta", "pytorch_model.bin")),
    [](const auto& info) {
      std::string name = std::string(info.param.first) + "_" + info.param.second;
      std::replace_if(
          name.begin(), name.end(), [](unsigned char c) { return !std::isalnum(c); }, '_');
      return name;
    });

}  // namespace
}  // namespace fintag
