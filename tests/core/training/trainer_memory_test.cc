// What training data costs in memory.
#include <gtest/gtest.h>

#include <fstream>

#include "tests/core/training/training_fixture.h"

namespace fintag {
namespace {

// 0 where the kernel cannot tell.
int64_t PeakResidentKilobytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stoll(line.substr(6));
  }
  return 0;
}

bool ForgetPeak() {
  std::ofstream file("/proc/self/clear_refs");
  file << "5" << std::flush;
  return file.good();
}

class TrainerMemoryTest : public TrainingTest {
 protected:
  // Kilobytes that a run takes until its first step, on `times` a thousand sentences of some twenty words.
  int64_t PeakUntilFirstStep(int times) {
    const std::string thousand = WriteJsonLines(LearnableCorpus(1000, 1, /*longest=*/40));
    const std::filesystem::path path = folder_.path() / "train.jsonl";
    {
      std::ofstream file(path);
      for (int i = 0; i < times; ++i) file << thousand;
    }
    EXPECT_TRUE(ForgetPeak());
    input_.train = CheckCorpusFile(path, "train.jsonl").value();
    EXPECT_EQ(std::ssize(input_.train.sentences), 1000 * times);
    stop_ = false;
    observer_ = RecordingObserver();
    observer_.on_step = [this](const TrainingProgress&) { stop_ = true; };
    EXPECT_TRUE(Train(input_, options_, observer_, stop_).ok());
    EXPECT_EQ(observer_.steps.size(), 1u);
    return PeakResidentKilobytes();
  }
};

// 99,000 sentences more may take what the two caches keep resident, 16 MB each, and sixty bytes a sentence: facts of
// the file, the order of an epoch, and the index of the cache while the epoch is planned. In memory as words and
// windows they took over two thousand bytes each.
TEST_F(TrainerMemoryTest, HardlyGrowsWithTheSentences) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer keeps memory of its own";
#endif
  if (PeakResidentKilobytes() == 0 || !ForgetPeak()) GTEST_SKIP() << "the kernel does not tell the peak";
  const int64_t few = PeakUntilFirstStep(1);
  const int64_t many = PeakUntilFirstStep(100);
  EXPECT_LT(many - few, 2 * (16 << 10) + 60 * 99) << few << " and " << many << " kB";
}

}  // namespace
}  // namespace fintag
