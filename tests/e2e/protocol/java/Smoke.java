// A client whose code `buf generate` wrote: health, an error, and the entities of one text. The test compares its output.
import com.fintag.v1.Entity;
import com.fintag.v1.TagRequest;
import com.fintag.v1.TaggingServiceGrpc;
import com.fintag.v1.TextInput;
import com.grpc.health.v1.HealthCheckRequest;
import com.grpc.health.v1.HealthGrpc;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.StatusRuntimeException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;

public final class Smoke {
  public static void main(String[] arguments) throws Exception {
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    ManagedChannel channel = ManagedChannelBuilder.forTarget(arguments[0]).usePlaintext().build();
    HealthCheckRequest check = HealthCheckRequest.newBuilder().setService(TaggingServiceGrpc.SERVICE_NAME).build();
    out.println(HealthGrpc.newBlockingStub(channel).check(check).getStatus());

    TaggingServiceGrpc.TaggingServiceBlockingStub tagging =
        TaggingServiceGrpc.newBlockingStub(channel).withDeadlineAfter(60, TimeUnit.SECONDS);
    TagRequest request = TagRequest.newBuilder()
        .setModel("models/sec")
        .addInputs(TextInput.newBuilder().setText(arguments[1]))
        .build();
    try {
      tagging.tag(request.toBuilder().setModel("models/nothing").build());
    } catch (StatusRuntimeException error) {
      out.println(error.getStatus().getCode());
    }
    for (Entity entity : tagging.tag(request).getResults(0).getEntitiesList()) {
      out.println(String.join("\t", entity.getLabel(), "" + entity.getStart(), "" + entity.getEnd(), entity.getText()));
    }
    channel.shutdown().awaitTermination(5, TimeUnit.SECONDS);
  }
}
