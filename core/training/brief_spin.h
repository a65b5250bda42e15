// How long the threads of LibTorch's parallel loops wait awake for the next loop.
#pragma once

namespace fintag {

// Call it first in main. Between two parallel loops libgomp's threads spin for milliseconds by default; where the
// machine has other work, that time is taken from the very thread they wait for: with two busy neighbours on two cores
// training and tagging ran at a quarter to a tenth of the speed of a short spin. The setting (GOMP_SPINCOUNT) is read
// when libgomp loads, so the program starts itself once more; where that fails, or where the environment has a setting
// already, it goes on as it is.
void SpinBriefly(char** argv);

}  // namespace fintag
