import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.node.InternalSettingsPreparer;
import org.elasticsearch.node.Node;
import org.elasticsearch.plugins.PluginsLoader;

/**
 * Starts one real Elasticsearch node from the jars on Maven Central, without the distribution's launcher.
 * Arguments: the node's settings as name=value, path.home and node.name among them; a list has commas.
 */
public class Elasticsearch {
  public static void main(String[] args) throws Exception {
    LogConfigurator.configureESLogging();
    var settings = Settings.builder();
    for (var arg : args) {
      var equals = arg.indexOf('=');
      settings.put(arg.substring(0, equals), arg.substring(equals + 1));
    }
    var name = settings.get("node.name");
    var env = InternalSettingsPreparer.prepareEnvironment(settings.build(), Map.of(), null, () -> name);
    var modules = PluginsLoader.loadModulesBundles(env.modulesDir());
    var node = new Node(env, PluginsLoader.createPluginsLoader(modules, Set.of(), Map.of(), false));
    node.start();
    var stop = new CountDownLatch(1);
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      try {
        node.close();
      } catch (Exception e) {
        e.printStackTrace();
      }
      stop.countDown();
    }));
    stop.await();
  }
}
