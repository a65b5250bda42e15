"""A Java client: buf, protoc and grpc-java's plugin write its code, javac compiles it."""
from generated_client import TEXT, expected, generate, run
from served_model import served  # noqa: F401  (a fixture)


def test_a_client_of_generated_java(served, tmp_path):  # noqa: F811
    generate("java", tmp_path)
    sources = [str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.java")]
    run(["javac", "-nowarn", "-encoding", "UTF-8", "-cp", "/usr/share/java/*", "-d", "classes", *sources], tmp_path)
    printed = run(["java", "-Dfile.encoding=UTF-8", "-cp", "classes:/usr/share/java/*", "Smoke", served.address, TEXT],
                  tmp_path)
    assert printed.splitlines() == expected(served, TEXT, "NOT_FOUND")
