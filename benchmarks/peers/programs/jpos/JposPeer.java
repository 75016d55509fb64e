import com.sun.management.OperatingSystemMXBean;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.jpos.iso.IFA_LLCHAR;
import org.jpos.iso.IFA_LLLBINARY;
import org.jpos.iso.IFA_LLNUM;
import org.jpos.iso.IFA_NUMERIC;
import org.jpos.iso.IFB_BINARY;
import org.jpos.iso.IFB_BITMAP;
import org.jpos.iso.IFB_LLLBINARY;
import org.jpos.iso.IFB_LLNUM;
import org.jpos.iso.IFB_NUMERIC;
import org.jpos.iso.IF_CHAR;
import org.jpos.iso.ISOBasePackager;
import org.jpos.iso.ISOFieldPackager;
import org.jpos.iso.ISOMsg;
import org.jpos.iso.ISOUtil;

/** jPOS on the sample, by the line protocol that protocol.py describes. Packagers hold the elements of the sample. */
public final class JposPeer {
    private static final double WARM_UP_S = 3;
    private static final double BATCH_S = 0.02;
    private static final OperatingSystemMXBean SYSTEM =
            (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

    /** What a work gives is kept here, so that the compiler cannot leave it out. */
    public static volatile Object outcome;

    private static String mti;
    private static final Map<Integer, Object> VALUES = new TreeMap<>();
    private static final Map<String, byte[]> WIRES = new TreeMap<>();

    private static final class Packager extends ISOBasePackager {
        Packager(boolean packed) {
            ISOFieldPackager[] fields = new ISOFieldPackager[65];
            fields[0] = number(packed, 4);
            fields[1] = new IFB_BITMAP(8, "");
            fields[2] = packed ? new IFB_LLNUM(19, "", false) : new IFA_LLNUM(19, "");
            int[][] sizes = {{3, 6}, {4, 12}, {7, 10}, {11, 6}, {12, 6}, {13, 4}, {14, 4}, {18, 4}, {22, 3}, {25, 2}};
            for (int[] size : sizes) {
                fields[size[0]] = number(packed, size[1]);
            }
            fields[35] = packed ? new IFB_LLNUM(37, "", false) : new IFA_LLCHAR(37, "");
            int[][] texts = {{37, 12}, {41, 8}, {42, 15}, {49, 3}};
            for (int[] size : texts) {
                fields[size[0]] = new IF_CHAR(size[1], "");
            }
            fields[52] = new IFB_BINARY(8, "");
            fields[55] = packed ? new IFB_LLLBINARY(999, "") : new IFA_LLLBINARY(999, "");
            fields[64] = new IFB_BINARY(8, "");
            setFieldPackager(fields);
        }

        private static ISOFieldPackager number(boolean packed, int size) {
            return packed ? new IFB_NUMERIC(size, "", true) : new IFA_NUMERIC(size, "");
        }
    }

    private static ISOMsg filled(Packager packager) throws Exception {
        ISOMsg message = new ISOMsg();
        message.setPackager(packager);
        message.setMTI(mti);
        for (Map.Entry<Integer, Object> entry : VALUES.entrySet()) {
            if (entry.getValue() instanceof byte[]) {
                message.set(entry.getKey(), (byte[]) entry.getValue());
            } else {
                message.set(entry.getKey(), (String) entry.getValue());
            }
        }
        return message;
    }

    private static ISOMsg unpacked(Packager packager, byte[] wire) throws Exception {
        ISOMsg message = new ISOMsg();
        message.setPackager(packager);
        message.unpack(wire);
        return message;
    }

    private static String fault(String work, Object found, byte[] wire) throws Exception {
        if (!work.equals("decode")) {
            return Arrays.equals((byte[]) found, wire) ? "" : "encodes other bytes";
        }
        ISOMsg message = (ISOMsg) found;
        if (!message.getMTI().equals(mti)) {
            return "decodes another type";
        }
        for (Map.Entry<Integer, Object> entry : VALUES.entrySet()) {
            boolean same = entry.getValue() instanceof byte[]
                    ? Arrays.equals((byte[]) entry.getValue(), message.getBytes(entry.getKey()))
                    : entry.getValue().equals(message.getString(entry.getKey()));
            if (!same) {
                return "decodes another value of element " + entry.getKey();
            }
        }
        return "";
    }

    private static String measure(Callable<Object> work, double seconds) throws Exception {
        long batch = 1, messages = 0;
        double spent = 0;
        while (spent < seconds) {
            long begin = SYSTEM.getProcessCpuTime();
            for (long i = 0; i < batch; i++) {
                outcome = work.call();
            }
            double took = (SYSTEM.getProcessCpuTime() - begin) / 1e9;
            if (took < BATCH_S / 2) {
                batch *= 2;
                continue;
            }
            spent += took;
            messages += batch;
        }
        return String.format(Locale.ROOT, "us\t%.4f\t%d", spent * 1e6 / messages, messages);
    }

    private static void receive(BufferedReader lines) throws Exception {
        for (String line = lines.readLine(); line != null && !line.equals("go"); line = lines.readLine()) {
            String[] words = line.split(" ", 3);
            switch (words[0]) {
                case "mti" -> mti = words[1];
                case "wire" -> WIRES.put(words[1], ISOUtil.hex2byte(words[2]));
                case "bytes" -> VALUES.put(Integer.valueOf(words[1]), ISOUtil.hex2byte(words[2]));
                default -> VALUES.put(Integer.valueOf(words[1]), words[2]);
            }
        }
    }

    public static void main(String[] arguments) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        receive(lines);
        System.out.println("version\tjPOS\t" + arguments[0]);
        System.out.println("version\tJava\t" + System.getProperty("java.version"));
        Map<String, Callable<Object>> works = new HashMap<>();
        for (Map.Entry<String, byte[]> entry : WIRES.entrySet()) {
            byte[] wire = entry.getValue();
            Packager packager = new Packager(entry.getKey().equals("bcd"));
            ISOMsg ready = filled(packager);
            works.put(entry.getKey() + "\tdecode", () -> unpacked(packager, wire));
            works.put(entry.getKey() + "\tencode", ready::pack);
            works.put(entry.getKey() + "\tbuild", () -> filled(packager).pack());
            for (String work : new String[] {"decode", "encode", "build"}) {
                String key = entry.getKey() + "\t" + work;
                String reason = fault(work, works.get(key).call(), wire);
                System.out.println(reason.isEmpty() ? "proven\t" + key : "cannot\t" + key + "\t" + reason);
            }
        }
        for (Callable<Object> work : works.values()) {
            measure(work, WARM_UP_S);
        }
        System.out.println("ready");
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] words = line.split(" ");
            System.out.println(measure(works.get(words[0] + "\t" + words[1]), Double.parseDouble(words[2])));
        }
    }
}
