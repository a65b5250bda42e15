#include "core/training/machine_check.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/model/product_kernels.h"

namespace fintag {
namespace {

TrainingOptions Options(const std::string& device, const std::string& precision) {
  TrainingOptions options;
  options.device = device;
  options.precision = precision;
  return options;
}

bool HasGpu() { return at::globalContext().hasCUDA(); }

TEST(MachineCheck, AnyMachineTrainsInFp32) {
  EXPECT_TRUE(CheckMachine(Options("auto", "fp32")).empty());
  EXPECT_TRUE(CheckMachine(Options("cpu", "fp32")).empty());
}

TEST(MachineCheck, CudaNeedsAGpu) {
  for (const char* precision : {"fp32", "bf16"}) {
    const std::vector<FieldError> errors = CheckMachine(Options("cuda", precision));
    ASSERT_EQ(errors.empty(), HasGpu());
    EXPECT_TRUE(errors.empty() || (errors.size() == 1 && errors[0].field == "device"));
  }
}

TEST(MachineCheck, Bf16NeedsAProcessorOrAGpuThatHasIt) {
  const bool processor = BestProduct(Precision::kBFloat16) != nullptr;
  const std::vector<FieldError> errors = CheckMachine(Options("cpu", "bf16"));
  ASSERT_EQ(errors.empty(), processor);
  EXPECT_TRUE(errors.empty() || errors[0].field == "precision");
  EXPECT_EQ(CheckMachine(Options("auto", "bf16")).empty(), processor || HasGpu());
}

TEST(MachineCheck, WrongValuesAreLeftToTheCheckOfOptions) {
  EXPECT_TRUE(CheckMachine(Options("tpu", "fp32")).empty());
  EXPECT_TRUE(CheckMachine(Options("cpu", "fp8")).empty());
}

}  // namespace
}  // namespace fintag
