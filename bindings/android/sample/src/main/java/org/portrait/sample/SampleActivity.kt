package org.portrait.sample

import android.Manifest
import android.graphics.BitmapFactory
import android.os.Build
import android.os.Bundle
import android.os.PowerManager
import android.widget.FrameLayout
import android.widget.TextView
import androidx.activity.ComponentActivity
import androidx.activity.result.contract.ActivityResultContracts
import androidx.camera.core.CameraSelector
import androidx.camera.core.ImageAnalysis
import androidx.camera.core.ImageProxy
import androidx.camera.lifecycle.ProcessCameraProvider
import java.io.IOException
import java.nio.ByteBuffer
import java.nio.channels.FileChannel
import java.util.concurrent.Executors
import org.portrait.Avatar
import org.portrait.Engine
import org.portrait.Frame
import org.portrait.PortraitException
import org.portrait.PortraitView
import org.portrait.Session

/** The bundled portrait, moved by the front camera. */
class SampleActivity : ComponentActivity() {
    /** Opens what takes long, then takes the camera's frames. */
    private val worker = Executors.newSingleThreadExecutor()
    private lateinit var view: PortraitView
    private lateinit var words: TextView
    private var session: Session? = null
    private var heat: PowerManager.OnThermalStatusChangedListener? = null

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        view = PortraitView(this)
        view.setFailureListener { words.text = it.message }
        words = TextView(this)
        setContentView(FrameLayout(this).apply {
            addView(view)
            addView(words)
        })
        words.text = "Opening …"
        val permission = registerForActivityResult(ActivityResultContracts.RequestPermission()) { granted ->
            if (granted) worker.execute(::open) else words.text = "The camera may not be used: allow it in Settings."
        }
        permission.launch(Manifest.permission.CAMERA)
    }

    /** Engine, avatar, session, camera, in this order. */
    private fun open() {
        try {
            val options = Engine.Options().weights(weights()).cacheDirectory("$cacheDir/portrait")
            val opened = Engine.open(options).use { engine ->
                // Sessions go on without engine and avatar.
                photo(engine).use { avatar ->
                    // The camera's 640 × 480, upright.
                    Session.open(engine, avatar, Session.Options().frames(480, 640).withoutPictures())
                }
            }
            runOnUiThread {
                if (isDestroyed) return@runOnUiThread opened.close()
                session = opened
                view.show(opened)
                words.text = ""
                followHeat(opened)
                startCamera(opened)
            }
        } catch (error: PortraitException) {
            runOnUiThread { words.text = error.message }
        } catch (error: IOException) {
            runOnUiThread { words.text = "An asset of this app cannot be read: ${error.message}" }
        }
    }

    private fun weights(): ByteBuffer = assets.openFd("portrait_s.safetensors").use { file ->
        file.createInputStream().channel.map(FileChannel.MapMode.READ_ONLY, file.startOffset, file.declaredLength)
    }

    private fun photo(engine: Engine): Avatar {
        val bitmap = assets.open("astronaut.png").use(BitmapFactory::decodeStream)
        val rgba = ByteBuffer.allocateDirect(4 * bitmap.width * bitmap.height)
        bitmap.copyPixelsToBuffer(rgba)
        rgba.rewind()
        return Avatar.prepare(engine, rgba, bitmap.width, bitmap.height, Avatar.Options().largestFace())
    }

    private fun startCamera(session: Session) {
        val analysis = ImageAnalysis.Builder().setBackpressureStrategy(ImageAnalysis.STRATEGY_KEEP_ONLY_LATEST).build()
        analysis.setAnalyzer(worker) { image -> image.use { push(session, it) } }
        val provider = ProcessCameraProvider.getInstance(this)
        provider.addListener({
            try {
                provider.get().bindToLifecycle(this, CameraSelector.DEFAULT_FRONT_CAMERA, analysis)
            } catch (error: IllegalArgumentException) {
                words.text = "This device has no front camera."
            }
        }, mainExecutor)
    }

    /** The frame as the sensor gives it, copied by the call; the GPU turns, mirrors and converts it. */
    private fun push(session: Session, image: ImageProxy) {
        val (y, u, v) = image.planes
        val frame = Frame.yuv420(
            y.buffer, y.rowStride, u.buffer, v.buffer, u.rowStride, u.pixelStride, image.width, image.height,
        )
        try {
            session.push(frame.rotated(image.imageInfo.rotationDegrees).mirrored().at(image.imageInfo.timestamp))
        } catch (error: PortraitException) {
            runOnUiThread { words.text = error.message }
        }
    }

    /** Android tells six steps, the library takes three. */
    private fun followHeat(session: Session) {
        if (Build.VERSION.SDK_INT < Build.VERSION_CODES.Q) return
        val listener = PowerManager.OnThermalStatusChangedListener { status ->
            session.setThermal(
                when {
                    status >= PowerManager.THERMAL_STATUS_CRITICAL -> 3
                    status >= PowerManager.THERMAL_STATUS_SEVERE -> 2
                    status >= PowerManager.THERMAL_STATUS_LIGHT -> 1
                    else -> 0
                },
            )
        }
        getSystemService(PowerManager::class.java).addThermalStatusListener(mainExecutor, listener)
        heat = listener
    }

    private fun forgetHeat() {
        if (Build.VERSION.SDK_INT < Build.VERSION_CODES.Q) return
        heat?.let { getSystemService(PowerManager::class.java).removeThermalStatusListener(it) }
        heat = null
    }

    override fun onStart() {
        super.onStart()
        session?.resume()
    }

    override fun onStop() {
        session?.pause()
        super.onStop()
    }

    override fun onTrimMemory(level: Int) {
        super.onTrimMemory(level)
        val away = level >= TRIM_MEMORY_BACKGROUND
        session?.trim(if (away) Session.TRIM_PIPELINES else Session.TRIM_WAITING)
    }

    override fun onDestroy() {
        forgetHeat()
        view.show(null)
        session?.close()
        session = null
        worker.shutdown()
        super.onDestroy()
    }
}
