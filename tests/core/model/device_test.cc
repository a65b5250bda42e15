#include "core/model/device.h"

#include <gtest/gtest.h>

namespace fintag {
namespace {

TEST(SelectDevice, KnowsTheThreeNames) {
  EXPECT_EQ(SelectDevice("cpu").value(), at::Device(at::kCPU));
  const bool cuda = at::globalContext().hasCUDA();
  EXPECT_EQ(SelectDevice("auto").value(), cuda ? at::Device(at::kCUDA, 0) : at::Device(at::kCPU));
  if (!cuda) {
    EXPECT_EQ(SelectDevice("cuda").status().code(), absl::StatusCode::kFailedPrecondition);
  }
  for (const char* name : {"", "gpu", "CPU", "cuda:1"}) {
    EXPECT_EQ(SelectDevice(name).status().code(), absl::StatusCode::kInvalidArgument) << name;
  }
}

TEST(DeviceName, OfTheProcessorIsCpu) { EXPECT_EQ(DeviceName(at::kCPU), "cpu"); }

}  // namespace
}  // namespace fintag
